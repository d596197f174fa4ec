{#- The first lock keeps vacuum, analyze and other builds away without any reader noticing. The second one makes readers wait, so
    it is given up after 50 ms and tried again after a pause that grows. Readers lock a table before its partitions; so does this. -#}
{% macro lock_for_swap(relation, kind, partitions) -%}
    {%- set patience = var("swap_patience_seconds", 60) -%}
    {%- set table = relation.include(database=false) -%}
    {%- set is_table = kind in ["r", "p"] -%}
    do $lock$
    declare
        give_up_at constant timestamptz := clock_timestamp() + interval '{{ patience }} seconds';
        pause double precision := 0.05;
        holders text;
    begin
        perform set_config('lock_timeout', '{{ patience }}s', true);
        {%- if is_table %}
        lock table {{ (["only " ~ table] + partitions) | join(", ") }} in share update exclusive mode;
        {%- endif %}
        perform set_config('lock_timeout', '50ms', true);
        loop
            begin
                {%- if is_table %}
                lock table only {{ table }} in access exclusive mode;
                {%- if partitions %}
                lock table {{ partitions | join(", ") }} in access exclusive mode nowait;
                {%- endif %}
                {%- else %}
                drop {{ {"m": "materialized view", "v": "view", "f": "foreign table"}[kind] }} {{ table }} cascade;
                {%- endif %}
                return;
            exception when lock_not_available or deadlock_detected then
                if clock_timestamp() > give_up_at then
                    raise;
                end if;
            end;
            perform pg_sleep(pause);
            pause := least(1, 2 * pause);
        end loop;
    exception when lock_not_available or deadlock_detected then
        select
            string_agg(distinct format(
                'process %s (%s of %s, since %s)',
                pg_locks.pid,
                coalesce(nullif(application_name, ''), 'unnamed application'),
                coalesce(usename, 'unknown user'),
                to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS')
            ), ', ')
        into holders
        from pg_locks
        left join pg_stat_activity on pg_locks.pid = pg_stat_activity.pid
        where
            granted
            and pg_locks.pid <> pg_backend_pid()
            and relation in (
                {%- for name in [table] + partitions %}
                to_regclass('{{ name | string | replace("only ", "") }}'){% if not loop.last %},{% endif %}
                {%- endfor %}
            );
        raise exception '% could not be swapped within {{ patience }} s, as it is read by %; nothing was changed',
            '{{ relation.schema }}.{{ relation.identifier }}', coalesce(holders, 'somebody who is gone by now');
    end $lock$
{%- endmacro %}
