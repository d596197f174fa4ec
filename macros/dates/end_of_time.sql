{% macro end_of_time() -%}
    '9999-12-31'::date
{%- endmacro %}
