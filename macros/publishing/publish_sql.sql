{#- All that readers have to wait for happens after the views are locked, and each attempt at that is given up after 50 ms. The lock on a
    view waits for whoever has read it to end his transaction, so nobody sees two releases in one. Who has a snapshot from before the
    candidate (repeatable read) would find what is swapped in to be empty, and is waited for as well. -#}
{% macro publish_sql(steps, way, before, after) -%}
    {%- set patience = var("swap_patience_seconds", 60) -%}
    {%- set gold = (published_models() | first).schema -%}
    begin;
    do $publish$
    declare
        step record;
        derived record;
        fresh text[];
        give_up_at constant timestamptz := clock_timestamp() + interval '{{ patience }} seconds';
        attempts integer := 0;
        asked_at timestamptz;
        dependents text;
        holders text;
        is_done boolean := false;
    begin
        perform set_config('lock_timeout', '{{ patience }}s', true);
        {%- if not way %}
        -- as long as nothing is locked that they may want
        while exists ({{ older_snapshots(steps) | indent(12) }}) loop
            {{ give_up(steps, gold, patience) | indent(12) }}
            perform pg_sleep(0.05);
            perform pg_stat_clear_snapshot();
        end loop;
        {%- endif %}
        {{ before | indent(8) }}
        -- vacuum would be in the way of the locks below; PostgreSQL stops it for those who wait, as here, not for those who only ask
        for step in select * from {{ steps }} where to_regclass(served) is not null order by view loop
            execute format('lock table %s in share update exclusive mode', step.served);
        end loop;
        while not is_done loop
            begin
                attempts := attempts + 1;
                {{ lock_views(steps) | indent(16) }}
                perform set_config('lock_timeout', '50ms', true);
                fresh := '{}';
                -- what is derived comes after what it reads
                for step in select * from {{ steps }} order by view = served, view loop
                    {{ rebind_view(steps, way ~ "served_by") | indent(20) }}
                end loop;
                for step in select * from {{ steps }} order by view loop
                    execute step.{{ way }}under_locks;
                    if step.view = any(fresh) then
                        execute step.description;
                    end if;
                end loop;
                is_done := true;
            exception when lock_not_available or deadlock_detected then
                {{ give_up(steps, gold, patience) | indent(16) }}
                perform pg_sleep(case when attempts % 8 = 0 then 0.2 else 0.01 end);
            end;
        end loop;
        {{ after | indent(8) }}
    end $publish$;
    commit
{%- endmacro %}
