{#- Of eight attempts, seven take all locks at once or none: they come through where transactions of several queries leave a gap. The last
    one queues for each, 50 ms for all of them: it comes through where there is never a gap, because new readers queue behind it. -#}
{% macro lock_views(steps) -%}
    asked_at := clock_timestamp();
    for step in select view from {{ steps }} where to_regclass(view) is not null order by view loop
        if attempts % 8 = 0 then
            perform set_config(
                'lock_timeout', greatest(1, 50 - extract(milliseconds from clock_timestamp() - asked_at))::integer || 'ms', true
            );
            execute format('lock table %s in access exclusive mode', step.view);
        else
            execute format('lock table %s in access exclusive mode nowait', step.view);
        end if;
    end loop;
{%- endmacro %}
