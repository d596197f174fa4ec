{#- The only place that makes readers wait. `swap` runs while all relations of `exclusive` are locked; each attempt to take these locks times
    out after 50 ms. A lock on a view waits for the transactions that have read the view, so no transaction sees two releases.

    Arguments, all of them SQL text of PL/pgSQL:
        what: name of what is swapped, for the message.
        shared: an array of names, locked first against vacuum and other builds, without any reader noticing.
        exclusive: an array of names, in the order in which readers lock them.
        swap: statements to run under the locks. They may use the variables `step`, `derived`, `created`, `dependents`, `gone`, `above`,
            `guard`,
            `previous`, `aside`, `kept` and `lost`.
        before, after: statements to run before and after the locks are taken, in the same transaction.
        only: `only` to leave the partitions of a table unlocked. -#}
{% macro swap_under_locks(what, shared, exclusive, swap, before="", after="", only="") -%}
    {%- set patience = pg_wap.setting("lock_patience_seconds") -%}
    do $swap$
    declare
        give_up_at constant timestamptz := clock_timestamp() + interval '{{ patience }} seconds';
        shared text[];
        exclusive text[];
        name text;
        attempts integer := 0;
        asked_at timestamptz;
        is_done boolean := false;
        step record;
        derived record;
        created text[];
        dependents text;
        gone text;
        above text[];
        -- views of playgrounds that are in the way
        aside jsonb[] := '{}';
        kept jsonb;
        lost text[];
        guard text;
        previous text[] := '{}';
    begin
        perform set_config('lock_timeout', '{{ patience }}s', true);
        {{ before | indent(8) }}
        shared := {{ shared }};
        exclusive := {{ exclusive }};
        -- PostgreSQL stops autovacuum for a session that waits for a lock, as here, but not for one that only asks
        foreach name in array shared loop
            begin
                execute format('lock table {{ only }} %s in share update exclusive mode', name);
            exception when lock_not_available then
                {{ pg_wap.raise_lock_timeout(what, patience) | indent(16) }}
                raise;
            end;
        end loop;
        while not is_done loop
            begin
                attempts := attempts + 1;
                {{ pg_wap.lock_exclusively(only) | indent(16) }}
                perform set_config('lock_timeout', '50ms', true);
                {{ swap | indent(16) }}
                is_done := true;
            exception when lock_not_available or deadlock_detected then
                {{ pg_wap.raise_lock_timeout(what, patience) | indent(16) }}
                perform pg_sleep(case when attempts % 8 = 0 then 0.2 else 0.01 end);
            end;
        end loop;
        {{ after | indent(8) }}
    end $swap$
{%- endmacro %}

{#- Of eight attempts, seven take all locks at once or none: they succeed in a gap between the transactions of readers. The eighth queues for
    each lock, 50 ms for all of them: it succeeds where there is never a gap, because new readers queue behind it. -#}
{% macro lock_exclusively(only) -%}
    asked_at := clock_timestamp();
    foreach name in array exclusive loop
        if attempts % 8 = 0 then
            perform set_config(
                'lock_timeout', greatest(1, 50 - extract(milliseconds from clock_timestamp() - asked_at))::integer || 'ms', true
            );
            execute format('lock table {{ only }} %s in access exclusive mode', name);
        else
            execute format('lock table {{ only }} %s in access exclusive mode nowait', name);
        end if;
    end loop;
{%- endmacro %}

{% macro raise_lock_timeout(what, patience) -%}
    if clock_timestamp() >= give_up_at then
        perform pg_stat_clear_snapshot();
        raise exception '{{ what }} could not be swapped within {{ patience }} s because it is in use by %; nothing changed. Run the command again when they are done.',
            {{ pg_wap.sessions_in(
                "select pid from pg_locks where granted and relation"
                ~ " = any(array(select to_regclass(names) from unnest(shared || exclusive) as names))"
            ) | indent(12) }};
    end if;
{%- endmacro %}
