{#- A condition on the keys that the model has to look at again. In a full build there is no condition: nothing after `after`, else true.

    Arguments:
        after: `where` or `and`, which the condition follows; compiled SQL of a full build then holds neither.
        columns: the column, or the columns, of the relation that is read.
        keys: the names of the touched keys, where they differ from those of the columns.
        by: `join` leaves the way to the planner; `lookup` compares one column with an array, for which the planner uses an index. -#}
{% macro only_touched(columns, keys=none, by="join", after=none) -%}
    {%- if not pg_wap.is_delta() -%}
        {{ return("" if after else "true") }}
    {%- endif -%}
    {%- set word = after ~ " " if after else "" -%}
    {%- set columns = [columns] if columns is string else columns -%}
    {#- With the name of their table: a bare name that is no key would be a column of the outer query, and the condition always true. -#}
    {%- set names = [] -%}
    {%- for name in ([keys] if keys is string else keys or columns) -%}
        {%- do names.append("keys." ~ name.split(".")[-1]) -%}
    {%- endfor -%}
    {%- set touched = "select " ~ names | join(", ") ~ " from " ~ pg_wap.touched_keys() ~ " as keys" -%}
    {%- if by == "lookup" -%}
        {{ return(word ~ columns | join(", ") ~ " = any(array(" ~ touched ~ "))") }}
    {%- endif -%}
    {{ return(word ~ "(" ~ columns | join(", ") ~ ") in (" ~ touched ~ ")") }}
{%- endmacro %}
