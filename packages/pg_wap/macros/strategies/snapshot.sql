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
    {%- if pg_wap.limited_by() -%}
        {#- A part of the data is no news about history: no row is compared, so none is added or closed. -#}
        {{ return(default__snapshot_staging_table(
            strategy,
            "select * from (" ~ source_sql ~ ") as versions where false",
            "(select * from " ~ target_relation ~ " where false) as known_versions",
        )) }}
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

{#- dbt writes the result of the comparison here. -#}
{% macro postgres__snapshot_merge_sql(target, source, insert_cols) -%}
    {{ pg_wap.assert_is_writer() }};
    {{ pg_wap.assert_few_are_closed(target, source) }};
    {{ dbt.postgres__snapshot_merge_sql(target, source, insert_cols) }}
{%- endmacro %}

{#- With `hard_deletes`, a snapshot closes all rows that are missing upstream. If a model upstream is empty by accident, this closes all of
    history, which nothing can build again. A closed row does not count if a new row of the same entity follows it: a late file moves the
    first version of many customers. The entity is the first column of the `unique_key`. -#}
{% macro assert_few_are_closed(target, source) -%}
    {%- set columns = config.get("snapshot_table_column_names") or get_snapshot_table_column_names() -%}
    {%- set entity = pg_wap.key_columns(model) | first -%}
    {%- set share = pg_wap.setting("max_closed_share") -%}
    {%- set until = config.get("dbt_valid_to_current") -%}
    {%- set parents = [] -%}
    {%- for unique_id in model.depends_on.nodes -%}
        {%- do parents.append(unique_id.split(".")[-1]) -%}
    {%- endfor -%}
    {%- set parents = parents | join(", ") -%}
    do $closed$
    declare
        closed bigint;
        known bigint;
    begin
        select count(*)
        into closed
        from {{ target }} as known_rows
        inner join {{ source }} as deleted on known_rows.{{ columns.dbt_scd_id }}::text = deleted.{{ columns.dbt_scd_id }}::text
        where
            deleted.dbt_change_type = 'delete'
            and not exists (
                select
                from {{ source }} as added
                where added.dbt_change_type = 'insert' and added.{{ entity }} = known_rows.{{ entity }}
            );
        if closed > {{ pg_wap.setting("min_closed_rows") }} then
            select count(*)
            into known
            from {{ target }}
            where {{ columns.dbt_valid_to }} is null{% if until %} or {{ columns.dbt_valid_to }} = {{ until }}{% endif %};
            if closed > {{ share }} * known then
                raise exception '% of the % rows that {{ model.name }} knows are missing in {{ parents }}, and pg_wap_max_closed_share is {{ share }}: nothing was closed. Complete {{ parents }}; if the rows are gone for good, run again with --vars "pg_wap_max_closed_share: 1"', closed, known;
            end if;
        end if;
    end $closed$
{%- endmacro %}

{#- The rows of a snapshot, for a model that reads it. `dbt run` builds no snapshots. Before the first `dbt snapshot`, its source stands in
    for it: the first build of a snapshot holds the rows of its source.

    Arguments:
        snapshot: `ref` of a snapshot.
        source: `ref` of the model that the snapshot reads.
        computed: columns that the snapshot computes itself, each with its data type; they are null meanwhile. -#}
{% macro snapshot_or_source(snapshot, source, computed={}) -%}
    {%- if not execute or flags.WHICH != "run" or load_cached_relation(snapshot) -%}
        {{ return(snapshot) }}
    {%- endif -%}
    {%- set now = "now() at time zone 'utc'" -%}
    {%- set columns = ["*"] -%}
    {%- for name, data_type in dict(computed, dbt_scd_id="text", dbt_valid_to="timestamp").items() -%}
        {%- do columns.append("null::" ~ data_type ~ " as " ~ name) -%}
    {%- endfor -%}
    {%- do columns.extend([now ~ " as dbt_updated_at", now ~ " as dbt_valid_from"]) -%}
    {{ return("(select " ~ columns | join(", ") ~ " from " ~ source ~ ") as " ~ snapshot.identifier) }}
{%- endmacro %}
