{#- What one run works out once for all its threads. dbt's `graph` is the only place that lasts as long as a run and that all nodes share.
    `on_run_start` empties the cache, because one process may run several commands on one graph. -#}
{% macro run_cache() -%}
    {{ return(graph.setdefault("pg_wap", {})) }}
{%- endmacro %}
