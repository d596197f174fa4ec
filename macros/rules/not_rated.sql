{% macro not_rated() -%}
    'Not rated'
{%- endmacro %}
