{#- In a delta build, only the versions of keys that were touched are held against what is known of these keys: all others are as they
    were, and dbt's own comparison would read all of history for a handful of versions. What a snapshot reads first tells which. -#}
{% macro postgres__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {%- if not is_delta() -%}
        {%- do run_query(record_full_build()) -%}
        {{ return(default__snapshot_staging_table(strategy, source_sql, target_relation)) }}
    {%- endif -%}
    {%- set key = config.require("meta").durable_key -%}
    {%- set touched -%}
        where {{ key }} in (select {{ key }} from {{ changes_of(graph.nodes[model.depends_on.nodes[0]].name) }})
    {%- endset -%}
    {{ return(default__snapshot_staging_table(
        strategy,
        "select * from (" ~ source_sql ~ ") as versions " ~ touched,
        "(select * from " ~ target_relation ~ " " ~ touched ~ ") as known_versions",
    )) }}
{%- endmacro %}
