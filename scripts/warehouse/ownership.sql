-- The role that builds, the role that lands, and the database `retail`, which the builder owns. Run at each start as the
-- superuser. The owner of all relations is no superuser: the views of gold work with the rights of their owner, and a
-- superuser passes by every row security (PostgreSQL manual, 5.9).
select 'create role retail_builder login'
where not exists (select from pg_roles where rolname = 'retail_builder')
\gexec
select 'create role retail_loader nologin'
where not exists (select from pg_roles where rolname = 'retail_loader')
\gexec
-- The loader's rights are set aside until a session sets the role.
select 'grant retail_loader to retail_builder with set true, inherit false'
where not pg_has_role('retail_builder', 'retail_loader', 'set')
\gexec
-- A release names the sessions that it waits for.
select 'grant pg_read_all_stats to retail_builder'
where not pg_has_role('retail_builder', 'pg_read_all_stats', 'usage')
\gexec
select 'create database retail owner retail_builder'
where not exists (select from pg_database where datname = 'retail')
\gexec

\connect retail

-- Large objects and temporary tables take disk space from everyone. By default every role may make them.
select 'revoke temporary on database retail from public; grant temporary on database retail to retail_loader'
where has_database_privilege('pg_monitor', 'retail', 'temporary')
\gexec
select format('revoke execute on function %s from public', oid::regprocedure)
from pg_proc
where
    pronamespace = 'pg_catalog'::regnamespace
    and proname in ('lo_create', 'lo_creat', 'lo_from_bytea')
    and has_function_privilege('pg_monitor', oid, 'execute')
\gexec

-- A warehouse of a version before the builder belongs to the superuser. All of it changes hands in one transaction.
do $migrate$
declare
    item record;
    moved integer := 0;
begin
    if (select datdba from pg_database where datname = current_database()) <> 'postgres'::regrole then
        return;
    end if;
    perform set_config('lock_timeout', '30s', true);
    for item in
        with

        schemas as (

            select
                oid,
                nspname
            from pg_namespace
            where
                nspowner = 'postgres'::regrole
                and nspname not like 'pg\_%'
                and nspname not in ('information_schema', 'public')

        ),

        -- What belongs to an extension, and the sequence of a column, follows its owner.
        following as (

            select
                classid,
                objid
            from pg_depend
            where deptype in ('e', 'a', 'i') and classid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
                and (deptype = 'e' or classid = 'pg_type'::regclass or objid in (select oid from pg_class where relkind = 'S'))

        )

        select format('alter table %s owner to retail_builder', pg_class.oid::regclass) as statement
        from pg_class
        inner join schemas on pg_class.relnamespace = schemas.oid
        where
            pg_class.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
            and pg_class.relowner = 'postgres'::regrole
            and not exists (select from following where classid = 'pg_class'::regclass and objid = pg_class.oid)
        union all
        select format('alter routine %s owner to retail_builder', pg_proc.oid::regprocedure)
        from pg_proc
        inner join schemas on pg_proc.pronamespace = schemas.oid
        where
            pg_proc.proowner = 'postgres'::regrole
            and not exists (select from following where classid = 'pg_proc'::regclass and objid = pg_proc.oid)
        union all
        select format('alter type %s owner to retail_builder', pg_type.oid::regtype)
        from pg_type
        inner join schemas on pg_type.typnamespace = schemas.oid
        left join pg_class on pg_type.typrelid = pg_class.oid
        where
            pg_type.typowner = 'postgres'::regrole
            and (pg_type.typtype in ('d', 'e') or pg_class.relkind = 'c')
        union all
        select format('alter schema %I owner to retail_builder', nspname) from schemas
    loop
        execute item.statement;
        moved := moved + 1;
    end loop;
    alter database retail owner to retail_builder;
    if moved > 0 then
        raise notice 'The warehouse now belongs to the role retail_builder, which is no superuser: % objects changed hands.', moved;
    end if;
end $migrate$;
