{% macro partition_end(data_type="date") -%}
    {%- if data_type == "integer" -%}
        /* partition end key */ 2147483647
    {%- else -%}
        /* partition end */ 'infinity'::date
    {%- endif -%}
{%- endmacro %}
