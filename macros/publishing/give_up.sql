{% macro give_up(steps, gold, patience) -%}
    if clock_timestamp() > give_up_at then
        perform pg_stat_clear_snapshot();
        {{ holders_of_views(steps) | indent(8) }}
        raise exception '{{ gold }} could not be changed within {{ patience }} s, as it is in use by %; what was served stays, try again when they are done',
            coalesce(holders, 'somebody who is gone by now');
    end if;
{%- endmacro %}
