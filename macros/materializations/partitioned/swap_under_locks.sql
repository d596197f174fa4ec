{#- The first lock keeps vacuum, analyze and other builds away without any reader noticing. What follows makes readers wait, so
    it is given up, with all its locks, whenever a lock takes more than 50 ms, and tried again after a pause that grows. Readers
    lock a table before its partitions; so does this. -#}
{% macro swap_under_locks(relation, tables, statements) -%}
    {%- set patience = var("swap_patience_seconds", 60) -%}
    do $swap$
    declare
        give_up_at constant timestamptz := clock_timestamp() + interval '{{ patience }} seconds';
        pause double precision := 0.05;
        holders text;
    begin
        {%- if tables %}
        perform set_config('lock_timeout', '{{ patience }}s', true);
        lock table only {{ tables | join(", only ") }} in share update exclusive mode;
        {%- endif %}
        loop
            begin
                perform set_config('lock_timeout', '50ms', true);
                {%- if tables %}
                lock table only {{ tables | first }} in access exclusive mode;
                {%- endif %}
                {%- if tables | length > 1 %}
                lock table only {{ tables[1:] | join(", only ") }} in access exclusive mode nowait;
                {%- endif %}
                {{ statements | indent(16) }}
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
        {{ holders_of([relation.include(database=false)] + tables) | indent(8) }}
        raise exception '% could not be swapped within {{ patience }} s, as it is in use by %; nothing was changed',
            '{{ relation.schema }}.{{ relation.identifier }}', coalesce(holders, 'somebody who is gone by now');
    end $swap$
{%- endmacro %}
