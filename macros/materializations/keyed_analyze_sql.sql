{#- The next model joins at once, and autovacuum comes later: without statistics, two years that landed after one day are taken for
    a day. A tenth of the rows is when autovacuum would analyze, too. -#}
{% macro keyed_analyze_sql(target_relation, new_rows) -%}
    do $analyze$
    begin
        if (select count(*) from {{ new_rows }}) > (
            select 0.1 * greatest(reltuples, 0)
            from pg_class
            where oid = '{{ target_relation.include(database=false) }}'::regclass
        ) then
            analyze {{ target_relation.include(database=false) }};
        end if;
    end $analyze$
{%- endmacro %}
