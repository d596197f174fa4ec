{#- 0001-01-01 is a Monday, so each span of eight weeks begins on a Monday. Spans and not months, because the month of a million
    dates takes 0.2 s longer than this integer arithmetic. -#}
{% macro day_of_span(day) -%}
    ({{ bracketed(day) }} - '0001-01-01'::date) % 56
{%- endmacro %}

{% macro span_start(day) -%}
    {{ bracketed(day) }} - {{ day_of_span(day) }}
{%- endmacro %}

{% macro day_bit(day) -%}
    1::bigint << {{ day_of_span(day) }}
{%- endmacro %}
