{#- Of sessions of other users PostgreSQL shows little, unless the role has pg_read_all_stats. -#}
{% macro holders_of_views(steps) -%}
    select
        string_agg(format(
            'process %s (%s of %s, since %s)',
            pid,
            coalesce(nullif(application_name, ''), 'unnamed application'),
            coalesce(usename, 'unknown user'),
            coalesce(to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS'), 'unknown time')
        ), ', ')
    into holders
    from pg_stat_activity
    where
        pid <> pg_backend_pid()
        and (
            pid in (
                select pg_locks.pid
                from pg_locks
                inner join {{ steps }} as steps on pg_locks.relation in (to_regclass(steps.view), to_regclass(steps.served))
                where pg_locks.granted
            )
            or pid in (select older.pid from ({{ older_snapshots(steps) }}) as older)
        );
{%- endmacro %}
