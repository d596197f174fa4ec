{#- The keys are named with their table: where they have other names than the columns, a bare name would be that of the row which is
    looked at, and the condition would hold for all rows. -#}
{% macro among_touched_keys(columns, keys=none) -%}
    {%- set columns = [columns] if columns is string else columns -%}
    {%- if not is_delta() -%}
        {{ return("true") }}
    {%- endif -%}
    {%- set names = [] -%}
    {%- for name in ([keys] if keys is string else keys or columns) -%}
        {%- do names.append("keys." ~ name.split(".")[-1]) -%}
    {%- endfor -%}
    {{ return(
        "(" ~ columns | join(", ") ~ ") in (select " ~ names | join(", ") ~ " from " ~ touched_keys() ~ " as keys)"
    ) }}
{%- endmacro %}
