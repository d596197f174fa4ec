-- Every table that can hold rows of a customer, with the columns by which they are found. Partitions are part of their
-- tables. Views are left out: they show what tables hold.
select
    pg_namespace.nspname as layer,
    pg_class.relname as name,
    jsonb_object_agg(pg_attribute.attname, pg_attribute.atttypid::regtype::text) as columns
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
where
    pg_class.relkind in ('r', 'p', 'm')
    and not pg_class.relispartition
    and pg_namespace.nspname !~ '^pg_'
    and pg_namespace.nspname <> 'information_schema'
    and pg_attribute.attname = any(%(columns)s)
    and not pg_attribute.attisdropped
group by pg_namespace.nspname, pg_class.relname
order by pg_namespace.nspname, pg_class.relname
