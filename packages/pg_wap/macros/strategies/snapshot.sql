{#- The first build of a snapshot is full, and the models that read the snapshot have to follow. It is recorded when the snapshot is built:
    before that, the models above it would count as built in full since, and the next build would be a full one again. -#}
{% macro postgres__build_snapshot_table(strategy, sql) -%}
    {%- do run_query(pg_wap.record_full_build()) if "built_in_full" in pg_wap.run_cache() -%}
    {{ return(default__build_snapshot_table(strategy, sql)) }}
{%- endmacro %}

{#- In an incremental build, only the touched keys of a snapshot are compared with what is known of these keys: dbt's own comparison would
    read all of history for a handful of rows. `meta: touched_by:` says which change logs name the keys (dbt knows no other place for it in
    the YAML of a snapshot); without it, dbt compares everything. -#}
{% macro postgres__snapshot_staging_table(strategy, source_sql, target_relation) -%}
    {%- set touched_by = (config.get("meta") or {}).get("touched_by") -%}
    {%- if not pg_wap.is_delta() -%}
        {%- do run_query(pg_wap.record_full_build()) if "built_in_full" in pg_wap.run_cache() -%}
    {%- endif -%}
    {%- if not touched_by or not pg_wap.is_delta() -%}
        {{ return(default__snapshot_staging_table(strategy, source_sql, target_relation)) }}
    {%- endif -%}
    {%- set given = touched_by.values() | first -%}
    {%- set keys = (given.keys() if given is mapping else [given] if given is string else given) | join(", ") -%}
    {%- set touched = "where (" ~ keys ~ ") in (select " ~ keys ~ " from (" ~ pg_wap.touched_query(touched_by) ~ ") as touched_keys)" -%}
    {{ return(default__snapshot_staging_table(
        strategy,
        "select * from (" ~ source_sql ~ ") as versions " ~ touched,
        "(select * from " ~ target_relation ~ " " ~ touched ~ ") as known_versions",
    )) }}
{%- endmacro %}
