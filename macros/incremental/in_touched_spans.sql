{#- With bounds, the planner uses the index on days. -#}
{% macro in_touched_spans(day, after) -%}
    {%- if pg_wap.is_delta() -%}
        {{ after }} {{ day }} >= (select min(span_start) from {{ pg_wap.touched_keys() }})
        and {{ day }} < (select max(span_start) + 56 from {{ pg_wap.touched_keys() }})
    {%- endif -%}
{%- endmacro %}
