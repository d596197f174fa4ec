{% macro before_touched(days, after, column="invoiced_on") -%}
    {%- if pg_wap.is_delta() -%}
        {{ after }} {{ column }} >= (select min(invoiced_on) - {{ days }} from {{ pg_wap.touched_keys() }})
    {%- endif -%}
{%- endmacro %}
