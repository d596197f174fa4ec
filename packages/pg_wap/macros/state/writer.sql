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
