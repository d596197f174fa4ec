{#- `dbt retry` runs as the command that it repeats. -#}
{% macro is_recorded() -%}
    {{ return(execute and flags.WHICH in ["build", "run", "test", "seed", "snapshot"]) }}
{%- endmacro %}

{#- A run that is killed records no end; the next run marks it. If both run at the same time, the earlier run corrects that when it ends.
    The run that may write is marked by the run that takes its place only: while it is on record as running, others wait for it. -#}
{% macro begin_run() -%}
    update {{ pg_wap.audit_table("runs") }}
    set status = 'killed'
    where status = 'running' and invocation_id not in (select invocation_id from {{ pg_wap.audit_table("writer") }});

    insert into {{ pg_wap.audit_table("runs") }} (invocation_id, command, git_commit, target, is_full_refresh)
    values (
        '{{ invocation_id }}',
        '{{ escape_single_quotes(pg_wap.run_command()) }}',
        {{ pg_wap.git_commit() }},
        '{{ target.name }}',
        {{ flags.FULL_REFRESH or false }}
    );
{%- endmacro %}

{#- First of what happens at the end, so the run is on record whatever comes after it. The run counts as failed until `end_run`. -#}
{% macro record_run(results) -%}
    {%- set nodes = [] -%}
    {%- for result in results if result.node.resource_type != "exposure" -%}
        {%- do nodes.append(pg_wap.node_record(result)) -%}
    {%- endfor -%}
    {%- set bad = pg_wap.failures_of(results) | map(attribute="status") | map("string") | list -%}
    begin;
    insert into {{ pg_wap.audit_table("node_results") }} (
        invocation_id, unique_id, name, resource_type, status, started_at, seconds, rows_affected, failures, message
    )
    select
        '{{ invocation_id }}', unique_id, name, resource_type, status, started_at, seconds, rows_affected, failures, message
    from jsonb_to_recordset('{{ escape_single_quotes(tojson(nodes)) }}') as results (
        unique_id text,
        name text,
        resource_type text,
        status text,
        started_at timestamptz,
        seconds numeric,
        rows_affected bigint,
        failures bigint,
        message text
    )
    on conflict do nothing;

    update {{ pg_wap.audit_table("runs") }}
    set
        status = '{{ "fail" if "fail" in bad and not bad | reject("in", ["fail", "skipped"]) | list else "error" }}',
        ended_at = clock_timestamp(),
        files = inputs.files,
        last_landed_at = inputs.last_landed_at
    from ({{ pg_wap.release_inputs() }}) as inputs
    where invocation_id = '{{ invocation_id }}';

    delete from {{ pg_wap.audit_table("runs") }}
    where started_at < clock_timestamp() - interval '{{ pg_wap.setting("run_history_days") }} days';

    delete from {{ pg_wap.audit_table("release_changes") }} as changes
    using {{ pg_wap.audit_table("releases") }} as releases
    where
        changes.release_id = releases.release_id
        and releases.published_at < clock_timestamp() - interval '{{ pg_wap.setting("run_history_days") }} days';
    delete from {{ pg_wap.audit_table("published_rows") }}
    where recorded_at < clock_timestamp() - interval '{{ pg_wap.setting("run_history_days") }} days';
    commit
{%- endmacro %}

{#- Last of what happens at the end: if anything before it failed, the run stays an error. Then the next run may write. -#}
{% macro end_run(results) -%}
    {%- if not pg_wap.failures_of(results) -%}
        update {{ pg_wap.audit_table("runs") }}
        set status = 'success', ended_at = clock_timestamp()
        where invocation_id = '{{ invocation_id }}';
    {%- endif %}
    {{ pg_wap.end_turn() }}
{%- endmacro %}

{#- dbt counts one row for a check (the row that holds the number of failures), and -1 for statements that write no rows. -#}
{% macro node_record(result) -%}
    {%- set began = result.timing[0].started_at if result.timing else none -%}
    {%- set rows = (result.adapter_response or {}).get("rows_affected", -1) -%}
    {%- set is_check = result.node.resource_type in ["test", "unit_test"] -%}
    {{ return({
        "unique_id": result.node.unique_id,
        "name": result.node.name,
        "resource_type": result.node.resource_type | string,
        "status": result.status | string,
        "started_at": began.isoformat() ~ ("" if began.tzinfo else "Z") if began else none,
        "seconds": result.execution_time | round(6),
        "rows_affected": rows if rows >= 0 and not is_check else none,
        "failures": result.failures if is_check else none,
        "message": (result.message or "").encode("utf-8", "replace").decode("utf-8").replace("\x00", "")[:2000] or none,
    }) }}
{%- endmacro %}

{% macro failures_of(results) -%}
    {%- set bad = [] -%}
    {%- for result in results if result.status not in ["success", "pass", "warn", "no-op"] -%}
        {%- do bad.append(result) -%}
    {%- endfor -%}
    {{ return(bad) }}
{%- endmacro %}

{#- A view on the history of runs that failed holds back no release, but it does not have its present code either: the next build makes it. -#}
{% macro reset_unbuilt_views(results) -%}
    {%- set built, missing = [], [] -%}
    {%- for result in results if result.status == "success" -%}
        {%- do built.append(result.node.unique_id) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == "model" and pg_wap.is_own(node) and node.unique_id not in built -%}
        {%- do missing.append(node.unique_id) -%}
    {%- endfor -%}
    {%- if missing -%}
        {%- do run_query(
            "update " ~ pg_wap.audit_table("model_states") ~ " set fingerprint = '' where unique_id in ('" ~ missing | join("', '") ~ "')"
        ) -%}
    {%- endif -%}
{%- endmacro %}
