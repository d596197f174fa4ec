{#- Of a date, date_trunc makes a timestamp with the session's time zone, where midnight on the first may not exist. -#}
{% macro month_start(day) -%}
    date_trunc('month', ({{ day }})::timestamp)::date
{%- endmacro %}
