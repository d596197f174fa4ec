{#- The next model joins at once, and autovacuum comes later: without statistics, two years that landed after one day are taken for
    a day. A tenth of the rows is when autovacuum would analyze, too. Days are told each time, by a small sample (10 ms), because
    the planner expects nothing after the last day that it knows, and then joins a month by nested loops.

    A sample of 9,000 rows (30 times 300) instead of PostgreSQL's 30,000 tells the planner enough: analyzing all keyed models of a full
    build takes 0.4 s of CPU instead of 1.2 s. -#}
{% macro keyed_analyze_sql(target_relation, new_rows=none) -%}
    {%- set table = target_relation.include(database=false) -%}
    {%- set statistics_target = 30 -%}
    {%- if not new_rows -%}
    set local default_statistics_target = {{ statistics_target }};
    analyze {{ table }}
    {%- else -%}
    do $analyze$
    declare
        days text;
    begin
        if (select count(*) from {{ new_rows }}) > (
            select 0.1 * greatest(reltuples, 0) from pg_class where oid = '{{ table }}'::regclass
        ) then
            perform set_config('default_statistics_target', '{{ statistics_target }}', true);
            analyze {{ table }};
        else
            select string_agg(quote_ident(attname), ', ')
            into days
            from pg_attribute
            where
                attrelid = '{{ table }}'::regclass
                and attnum > 0
                and not attisdropped
                and atttypid in ('date'::regtype, 'timestamp'::regtype);
            if days is not null then
                perform set_config('default_statistics_target', '10', true);
                execute format('analyze %s (%s)', '{{ table }}', days);
            end if;
        end if;
    end $analyze$
    {%- endif -%}
{%- endmacro %}
