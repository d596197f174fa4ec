{% macro tidy_text(expression) -%}
    rtrim(regexp_replace({{ expression }}, '\s+', ' ', 'g'), ' .,')
{%- endmacro %}
