{% macro among_touched_keys(columns) -%}
    {%- set columns = [columns] if columns is string else columns -%}
    {%- if not is_delta() -%}
        {{ return("true") }}
    {%- endif -%}
    {%- set keys = [] -%}
    {%- for column in columns -%}
        {%- do keys.append(column.split(".")[-1]) -%}
    {%- endfor -%}
    {{ return("(" ~ columns | join(", ") ~ ") in (select " ~ keys | join(", ") ~ " from " ~ touched_keys() ~ ")") }}
{%- endmacro %}
