{#- Waits for the turn of this run, at most the patience for each run before it, and puts this run on record. A run that was killed has left
    its row behind: it is taken for killed if no session of dbt works for two seconds. One query per step: a statement that lasts
    would hold a snapshot, which keeps vacuum from its work. -#}
{% macro wait_for_turn() -%}
    {%- set patience = pg_wap.setting("lock_patience_seconds") -%}
    {%- set wait = namespace(is_over=false, steps=0, steps_unseen=0, run=none) -%}
    {%- for round in range(1000) if not wait.is_over -%}
        {%- for step in range(10 * patience + 20) if not wait.is_over -%}
            {%- set found = (run_query(pg_wap.earlier_writer()).rows | list + [none]) | first -%}
            {%- if found and (not wait.run or wait.run["invocation_id"] != found["invocation_id"]) -%}
                {%- set wait.steps = 0 -%}
                {%- set wait.steps_unseen = 0 -%}
                {%- do log("Waiting: " ~ pg_wap.name_of_writer(found) ~ ".", info=true) if found["is_seen"] -%}
            {%- endif -%}
            {%- set wait.run = found -%}
            {%- set wait.steps = wait.steps + 1 -%}
            {%- set wait.steps_unseen = 0 if found and found["is_seen"] else wait.steps_unseen + 1 -%}
            {%- if not found or wait.steps_unseen > 20 -%}
                {%- set taken = run_query(pg_wap.take_turn(killed=found["invocation_id"] if found else "")).rows[0][0] -%}
                {%- set wait.is_over = taken -%}
            {%- elif found["is_seen"] and wait.steps > 10 * patience -%}
                {{ exceptions.raise_compiler_error(
                    pg_wap.name_of_writer(found) ~ " and has not ended within " ~ patience
                    ~ " s: run this again when it has ended. Nothing was built."
                ) }}
            {%- else -%}
                {%- do run_query("select pg_sleep(0.1)") -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do run_query("reset application_name") -%}
{%- endmacro %}

{% macro name_of_writer(run) -%}
    {{ return(
        "another run writes to this warehouse (" ~ (run["command"] or "a run that left no record")
        ~ (" by " ~ run["run_by"] ~ ", since " ~ run["started_at"] if run["command"] else "")
        ~ (", " ~ run["sessions"] if run["sessions"] else "") ~ ")"
    ) }}
{%- endmacro %}

{#- The run that may write, and whether any session could be its. A run that waits has another name meanwhile, so that
    waiting runs do not take each other for the run that works. -#}
{% macro earlier_writer() -%}
    with

    named as (

        select set_config('application_name', left(reset_val, 50) || ' (waits)', false), reset_val as name
        from pg_settings
        where name = 'application_name'

    ),

    sessions as (

        select string_agg('process ' || pid, ', ' order by pid) as list
        from named
        inner join pg_stat_activity on named.name = pg_stat_activity.application_name
        where
            datname = current_database()
            -- a session that waits for its next statement may be one of this process
            and state is distinct from 'idle'
            and pid <> pg_backend_pid()

    )

    select
        writer.invocation_id,
        runs.command,
        runs.run_by,
        to_char(runs.started_at, 'YYYY-MM-DD HH24:MI:SS TZ') as started_at,
        sessions.list as sessions,
        sessions.list is not null as is_seen
    from {{ pg_wap.audit_table("writer") }} as writer
    cross join sessions
    left join {{ pg_wap.audit_table("runs") }} as runs on writer.invocation_id = runs.invocation_id
    where writer.invocation_id <> '{{ invocation_id }}'
{%- endmacro %}

{#- Makes this run the writer and puts it on record, unless another run was faster; of two that wait, one gets the turn.

    Arguments:
        killed: the invocation of the earlier run, if it was killed. -#}
{% macro take_turn(killed) -%}
    {%- set writer = pg_wap.audit_table("writer") -%}
    begin;
    do $turn$
    begin
        perform set_config('lock_timeout', '{{ pg_wap.setting("lock_patience_seconds") }}s', true);
        lock table {{ writer }} in share row exclusive mode;
        if exists (select from {{ writer }} where invocation_id <> '{{ killed }}') then
            return;
        end if;
        -- waits for a statement that a killed run has left behind on the server
        delete from {{ writer }};
        insert into {{ writer }} (invocation_id) values ('{{ invocation_id }}');
        {{ pg_wap.begin_run() | indent(8) }}
    exception when lock_not_available then
        raise exception 'a session of an earlier run still writes to this warehouse: %. End it or wait for it, then run this again. Nothing was built.',
            {{ pg_wap.sessions_in("select pid from pg_locks where granted and relation = '" ~ writer.include(database=false) ~ "'::regclass") }};
    end $turn$;
    commit;
    select exists (select from {{ writer }} where invocation_id = '{{ invocation_id }}') as is_mine
{%- endmacro %}
