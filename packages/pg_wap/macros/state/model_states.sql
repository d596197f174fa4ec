{#- What the last builds left of each model, asked once for all. Only this build changes it meanwhile, and the run remembers what it
    builds in full (`record_full_build`). -#}
{% macro model_states() -%}
    {%- set cache = pg_wap.run_cache() -%}
    {%- if "model_states" not in cache -%}
        {%- set known -%}
            select
                mine.unique_id,
                array_to_string(mine.ancestors, ',') as ancestors,
                -- a full build does not log what it changed, so whatever reads the model has to follow
                coalesce(mine.fingerprint = mine.built_fingerprint, false) and not exists (
                    select
                    from {{ pg_wap.audit_table("model_states") }} as upstream
                    where
                        upstream.unique_id = any(mine.ancestors)
                        and upstream.built_in_full_at > coalesce(mine.built_in_full_at, '-infinity')
                ) as is_current,
                coalesce(
                    mine.fingerprint = mine.built_fingerprint
                    and mine.is_tested
                    and coalesce(mine.built_in_full_at, '-infinity') <= mine.succeeded_at,
                    false
                ) as is_tested
            from {{ pg_wap.audit_table("model_states") }} as mine
        {%- endset -%}
        {%- set states = {} -%}
        {%- for unique_id, ancestors, is_current, is_tested in run_query(known).rows -%}
            {%- do states.update({unique_id: {
                "ancestors": (ancestors or "").split(","), "is_current": is_current, "is_tested": is_tested
            }}) -%}
        {%- endfor -%}
        {%- do cache.update(model_states=states) -%}
    {%- endif -%}
    {{ return(cache["model_states"]) }}
{%- endmacro %}

{#- Whether this node is built from what changed. dbt's `is_incremental` asks less: not whether the code, or anything upstream, is new. -#}
{% macro is_delta() -%}
    {%- if not execute
        or flags.WHICH not in ["build", "run", "snapshot"]
        or model.resource_type not in ["model", "snapshot"]
        or should_full_refresh()
        or load_cached_relation(this) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set state = pg_wap.model_states()[model.unique_id] -%}
    {%- set rebuilt = state.ancestors | select("in", pg_wap.built_in_full()) | list -%}
    {{ return(state.is_current and not rebuilt) }}
{%- endmacro %}

{% macro built_in_full() -%}
    {{ return(pg_wap.run_cache().setdefault("built_in_full", [])) }}
{%- endmacro %}

{% macro record_full_build() -%}
    {%- do pg_wap.built_in_full().append(model.unique_id) -%}
    update {{ pg_wap.audit_table("model_states") }} set built_in_full_at = clock_timestamp() where unique_id = '{{ model.unique_id }}'
{%- endmacro %}

{#- The next build starts from here. -#}
{% macro record_success(logs, is_tested=true) -%}
    update {{ pg_wap.audit_table("model_states") }}
    set built_fingerprint = fingerprint, is_tested = {{ is_tested }}, succeeded_at = clock_timestamp();
    {%- if logs %}
    truncate {{ logs | join(", ") }};
    {%- endif %}
{%- endmacro %}

{#- Checks look at the touched partitions only. -#}
{% macro record_touched_partitions(ranges) -%}
    {%- if ranges %}
    insert into {{ pg_wap.audit_table("touched_partitions") }} (unique_id, range_start, range_end)
    values
    {%- for range in ranges %}
    ('{{ model.unique_id }}', '{{ range[0] }}', '{{ range[1] }}'){% if not loop.last %},{% endif %}
    {%- endfor %};
    {%- endif %}
{%- endmacro %}

{#- Only if the model names a `check_column`, only in an incremental build, only if the checks of the last build looked at everything, and
    not if the model was rebuilt since. -#}
{% macro looks_at_changes_only(node) -%}
    {%- if flags.WHICH != "build" or flags.FULL_REFRESH or not node.config.get("check_column")
        or node.config.materialized not in ["incremental_by_key", "incremental_by_partition"] -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(pg_wap.model_states()[node.unique_id].is_tested and node.unique_id not in pg_wap.built_in_full()) }}
{%- endmacro %}

{#- A broken view on the history of runs must not hold back a release. -#}
{% macro is_own(node) -%}
    {{ return(node.package_name == "pg_wap") }}
{%- endmacro %}
