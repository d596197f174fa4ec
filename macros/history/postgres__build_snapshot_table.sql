{#- The first of a snapshot is full by its nature; who reads it has to know, and a hook in the snapshot's YAML would not do: dbt's partial
    parsing loses a snapshot whose hooks use macros when one of these changes. -#}
{% macro postgres__build_snapshot_table(strategy, sql) -%}
    {%- do run_query(record_full_build()) -%}
    {{ return(default__build_snapshot_table(strategy, sql)) }}
{%- endmacro %}
