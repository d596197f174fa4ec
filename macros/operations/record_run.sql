{#- The first hook at the end: whatever becomes of the others, the run is on record. Until `end_run` says otherwise, it failed. -#}
{% macro record_run(results) -%}
    {%- if is_recorded() -%}
        {%- set nodes = [] -%}
        {%- for result in results if result.node.resource_type != "exposure" -%}
            {%- do nodes.append(node_record(result)) -%}
        {%- endfor -%}
        {%- set bad = failures_of(results) | map(attribute="status") | map("string") | list -%}
        insert into {{ node_log() }} (
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

        update {{ run_log() }}
        set
            status = '{{ "fail" if "fail" in bad and not bad | reject("in", ["fail", "skipped"]) | list else "error" }}',
            ended_at = clock_timestamp(),
            files = landed.files,
            last_landed_at = landed.last_landed_at
        from ({{ landed_so_far() }}) as landed
        where invocation_id = '{{ invocation_id }}';

        delete from {{ run_log() }}
        where started_at < clock_timestamp() - interval '{{ var("run_history_days", 400) }} days';

        delete from {{ row_log() }}
        where recorded_at < clock_timestamp() - interval '{{ var("run_history_days", 400) }} days';
    {%- endif -%}
{%- endmacro %}
