{#- Of the bounds, PostgreSQL keeps the text of an expression: ('2011-01-01'), ('2011-01-01 00:00:00') or (20110101). -#}
{% macro partitions_before(table, before) -%}
    {%- call statement("partitions_before", fetch_result=true) -%}
        set local datestyle to iso;
        with
        partitions as (
            select
                relnamespace,
                relname,
                substring(pg_get_expr(relpartbound, pg_class.oid) from 'TO \(''?([0-9-]+)')::date as ends_on
            from pg_inherits
            inner join pg_class on inhrelid = pg_class.oid
            where inhparent = to_regclass('{{ table }}')
        )
        select coalesce(json_agg(json_build_object(
            'relation', format('%s.%I', relnamespace::regnamespace, relname),
            'detached', quote_ident(relname || '__detached'),
            'is_in_the_way', to_regclass(format('%s.%I', relnamespace::regnamespace, relname || '__detached')) is not null
        ) order by ends_on), '[]')::text
        from partitions
        where ends_on <= '{{ before }}'::date
    {%- endcall -%}
    {{ return(fromjson(load_result("partitions_before").table.rows[0][0])) }}
{%- endmacro %}
