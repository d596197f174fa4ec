{% macro clean_text(expression) -%}
    nullif(btrim({{ expression }}, E' \t\r\n\u00A0'), '')
{%- endmacro %}
