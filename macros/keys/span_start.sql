{% macro span_start(day) -%}
    {{ day }} - {{ day_of_span(day) }}
{%- endmacro %}
