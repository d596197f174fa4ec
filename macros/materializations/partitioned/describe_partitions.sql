{#- As one row of JSON: each call from dbt costs milliseconds, so all that is to be known is asked at once. By arrays, as a model's header
    may have switched nested loops off, and without them the catalog would be read whole: hundreds of partitions fill it. -#}
{% macro describe_partitions(relation, base, staged) -%}
    with
    relations as (
        select
            pg_class.oid,
            pg_class.relkind,
            pg_get_partkeydef(pg_class.oid) as partition_key,
            pg_class.oid = to_regclass('{{ staged.include(database=false) }}') as is_staged
        from pg_class
        where
            pg_class.oid = to_regclass('{{ staged.include(database=false) }}')
            or pg_class.oid = to_regclass('{{ relation.include(database=false) }}')
    ),
    columns as (
        select
            relations.is_staged,
            json_agg(json_build_object(
                'name', attname,
                'column', quote_ident(attname),
                'type', format_type(atttypid, atttypmod),
                'ddl', quote_ident(attname) || ' ' || format_type(atttypid, atttypmod)
                    || case when attcollation <> typcollation then ' collate ' || attcollation::regcollation else '' end
            ) order by attnum) as list,
            json_agg(quote_ident(attname) order by attnum) filter (where attnotnull) as not_null
        from relations
        inner join pg_attribute on relations.oid = attrelid and attnum > 0 and not attisdropped
        inner join pg_type on atttypid = pg_type.oid
        where attrelid = any(array(select oid from relations))
        group by relations.is_staged
    )
    select json_build_object(
        'kind', (select relkind from relations where not is_staged),
        'partition_key', (select partition_key from relations where not is_staged),
        'old_columns', (select list from columns where not is_staged),
        'not_null', (select not_null from columns where not is_staged),
        'new_columns', (select list from columns where is_staged),
        'checks', (
            select json_agg(quote_ident(conname))
            from relations
            inner join pg_constraint on relations.oid = conrelid
            where not is_staged and contype = 'c' and conrelid = any(array(select oid from relations))
        ),
        'partitions', coalesce((
            select json_agg(json_build_object('relation', format('%s.%I', relnamespace::regnamespace, relname), 'name', relname))
            from relations
            inner join pg_inherits on relations.oid = inhparent
            inner join pg_class on inhrelid = pg_class.oid
        ), '[]'),
        'strangers', coalesce((
            select json_agg(relname)
            from pg_class
            where
                relnamespace = to_regnamespace('"{{ base.schema }}"')
                and starts_with(relname, '{{ base.identifier }}_')
                and pg_class.oid not in (select inhrelid from pg_inherits inner join relations on inhparent = relations.oid)
        ), '[]')
    )::text
{%- endmacro %}
