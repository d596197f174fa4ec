{% macro loosely_spelled(expression) -%}
    lower(regexp_replace({{ expression }}, '[^[:alnum:]]', '', 'g'))
{%- endmacro %}
