{% macro day_bit(day) -%}
    1::bigint << {{ day_of_span(day) }}
{%- endmacro %}
