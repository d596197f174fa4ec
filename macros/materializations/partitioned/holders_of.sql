{#- Of sessions of other users PostgreSQL shows little, unless the role has pg_read_all_stats. -#}
{% macro holders_of(tables) -%}
    select
        string_agg(distinct format(
            'process %s (%s of %s, since %s)',
            pg_locks.pid,
            coalesce(nullif(application_name, ''), 'unnamed application'),
            coalesce(usename, 'unknown user'),
            coalesce(to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS'), 'unknown time')
        ), ', ')
    into holders
    from pg_locks
    left join pg_stat_activity on pg_locks.pid = pg_stat_activity.pid
    where
        granted
        and pg_locks.pid <> pg_backend_pid()
        and relation in (
            {%- for table in tables %}
            to_regclass('{{ table }}'){% if not loop.last %},{% endif %}
            {%- endfor %}
        );
{%- endmacro %}
