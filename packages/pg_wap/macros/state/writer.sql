{#- One run at a time writes: a build, or `dbt run`, `dbt seed` or `dbt snapshot`. Its invocation stands in the table `writer`. Each
    transaction that writes locks this row before it writes. So a run that begins waits for the transactions of an earlier run that are in
    progress, and the earlier run cannot write any more. -#}
{% macro become_writer() -%}
    delete from {{ pg_wap.audit_table("writer") }};
    insert into {{ pg_wap.audit_table("writer") }} (invocation_id) values ('{{ invocation_id }}');
{%- endmacro %}

{% macro assert_is_writer() -%}
    do $writer$
    begin
        perform from {{ pg_wap.audit_table("writer") }} where invocation_id = '{{ invocation_id }}' for share;
        if not found then
            raise exception 'another build of this warehouse began after this one, so this one stops: run it again after the other';
        end if;
    end $writer$
{%- endmacro %}

{#- Waits while an earlier run is alive. A run that was killed is on record as running too: it is taken for killed if no session of dbt
    works for two seconds. One query per step: a statement that lasts holds a snapshot, for which the release of the earlier run would
    wait. -#}
{% macro wait_for_writer() -%}
    {%- set patience = pg_wap.setting("lock_patience_seconds") -%}
    {%- set wait = namespace(is_over=false, steps_unseen=0, run=none) -%}
    {%- for step in range(10 * patience + 20) if not wait.is_over -%}
        {%- set found = run_query(pg_wap.earlier_writer()).rows -%}
        {%- set wait.run = found[0] if found else none -%}
        {%- set wait.steps_unseen = 0 if found and found[0]["is_seen"] else wait.steps_unseen + 1 -%}
        {%- set wait.is_over = not found or wait.steps_unseen > 20 -%}
        {%- do run_query("select pg_sleep(0.1)") if not wait.is_over -%}
    {%- endfor -%}
    {%- if not wait.is_over -%}
        {{ exceptions.raise_compiler_error(
            "another run writes to this warehouse (" ~ wait.run["command"] ~ " by " ~ wait.run["run_by"] ~ ", since "
            ~ wait.run["started_at"] ~ ") and has not ended within " ~ patience ~ " s: run this again when it has ended. Nothing was built."
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- The run that may write, if it has not ended, and whether any session but this one could be its. -#}
{% macro earlier_writer() -%}
    select
        runs.command,
        runs.run_by,
        to_char(runs.started_at, 'YYYY-MM-DD HH24:MI:SS TZ') as started_at,
        exists (
            select
            from pg_stat_activity
            where
                datname = current_database()
                and application_name = current_setting('application_name')
                -- a session that waits for its next statement may be one of this process
                and state is distinct from 'idle'
                and pid <> pg_backend_pid()
        ) as is_seen
    from {{ pg_wap.audit_table("writer") }} as writer
    inner join {{ pg_wap.audit_table("runs") }} as runs on writer.invocation_id = runs.invocation_id
    where runs.status = 'running' and runs.invocation_id <> '{{ invocation_id }}'
{%- endmacro %}
