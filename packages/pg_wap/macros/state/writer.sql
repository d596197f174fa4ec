{#- One run at a time writes: a build, or `dbt run`, `dbt seed` or `dbt snapshot`. Its invocation stands in the table `writer`. Each
    transaction that writes locks this row before it writes. So a run that begins waits for the transactions of an earlier run that are in
    progress, and the earlier run cannot write any more. The last act of a run is to remove its row. -#}
{% macro assert_is_writer() -%}
    do $writer$
    begin
        perform from {{ pg_wap.audit_table("writer") }} where invocation_id = '{{ invocation_id }}' for share;
        if not found then
            raise exception 'another build of this warehouse began after this one, so this one stops: run it again after the other';
        end if;
    end $writer$
{%- endmacro %}

{% macro end_turn() -%}
    delete from {{ pg_wap.audit_table("writer") }} where invocation_id = '{{ invocation_id }}';
{%- endmacro %}

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
            {%- elif wait.steps > 10 * patience -%}
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

{#- An expression of PL/pgSQL: the names of sessions, for a message. PostgreSQL shows little about sessions of other users, unless the role
    has pg_read_all_stats.

    Arguments:
        pids: a query of the `pid` of the sessions. -#}
{% macro sessions_in(pids) -%}
    coalesce((
        select string_agg(format(
            'process %s (%s of %s, since %s)',
            pid,
            coalesce(nullif(application_name, ''), 'unnamed application'),
            coalesce(usename, 'unknown user'),
            coalesce(to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS'), 'unknown time')
        ), ', ')
        from pg_stat_activity
        where pid <> pg_backend_pid() and pid in ({{ pids }})
    ), 'a session that has ended')
{%- endmacro %}

{#- Statements of PL/pgSQL that take an advisory lock of two numbers. Any role may hold one, so the wait ends, and the message names the
    session.

    Arguments:
        kind, name: SQL of two texts, whose hashes are the numbers.
        scope: `xact`, or an empty text for the session.
        waits_for: what the lock protects, for the message. -#}
{% macro take_advisory_lock(kind, name, waits_for, scope="xact") -%}
    {%- set function = "pg_advisory_xact_lock" if scope == "xact" else "pg_advisory_lock" -%}
    perform set_config('lock_timeout', '{{ pg_wap.setting("lock_patience_seconds") }}s', true);
    begin
        perform {{ function }}(hashtext('{{ kind }}'), hashtext('{{ name }}'));
    exception when lock_not_available then
        raise exception '{{ waits_for }}: the lock is held by %. End that session or wait for it, then run this again.',
            {{ pg_wap.sessions_in(
                "select pid from pg_locks where granted and locktype = 'advisory' and objsubid = 2"
                ~ " and database = (select oid from pg_database where datname = current_database())"
                ~ " and classid::bigint = hashtext('" ~ kind ~ "')::bigint & 4294967295"
                ~ " and objid::bigint = hashtext('" ~ name ~ "')::bigint & 4294967295"
            ) | indent(12) }};
    end;
{%- endmacro %}
