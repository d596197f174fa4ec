{#- date_trunc turns a date into a timestamp of the session's time zone, in which the first of a month may lack midnight. -#}
{% macro month_start(day) -%}
    date_trunc('month', ({{ day }})::timestamp)::date
{%- endmacro %}
