-- Gives the log of events, its functions and its schema to a role that no user is a member of, so that the role that
-- builds can neither change nor drop them. Only a superuser can. Each statement can run again on its result: `make
-- migrate`, and `make build` on the embedded server, run it when something in the schema is not protected yet.

do $protect$
declare
    builder text := (select nspowner::regrole from pg_namespace where nspname = 'bronze');
    item record;
begin
    perform set_config('lock_timeout', '2s', true);
    begin
        create role retail_audit_owner nologin;
    exception when duplicate_object or unique_violation then
        -- Roles belong to the server: another database may have made this one.
        null;
    end;
    alter schema audit owner to retail_audit_owner;
    -- The engine keeps its own tables in this schema, and a function that it defines again when it changes.
    execute format('grant usage, create on schema audit to %s', builder);
    alter table audit.events owner to retail_audit_owner;
    revoke update, delete, truncate on table audit.events from retail_audit_owner;
    for item in
        select oid::regprocedure as name
        from pg_proc
        where pronamespace = 'audit'::regnamespace and proname <> 'compare_relations'
    loop
        execute format('alter function %s owner to retail_audit_owner', item.name);
    end loop;
    grant usage on schema bronze to retail_audit_owner;
    grant select on table bronze.landed_files to retail_audit_owner;
    execute format('grant select on table audit.events to %s', builder);
    if to_regclass('audit.erasures') is not null then
        alter view audit.erasures owner to retail_audit_owner;
        execute format('grant select on table audit.erasures to %s', builder);
    end if;
    -- dbt makes the function with the profiles (macros/governance/show_profiles_in_clear.sql).
    if to_regprocedure('profiles.profile_in_clear(integer, text)') is not null then
        grant usage on schema profiles to retail_audit_owner;
        grant execute on function profiles.profile_in_clear(integer, text) to retail_audit_owner;
    end if;
    -- An older revision keeps the events, and has no functions.
    if to_regprocedure('audit.record_event(text, text, jsonb)') is not null then
        execute format('grant execute on function audit.lock_events() to %s', builder);
        execute format('grant execute on function audit.record_event(text, text, jsonb) to %s', builder);
    end if;
    -- Alembic and the revisions create tables as the user who migrates, and the loader works as the builder.
    for item in
        select oid::regclass as name
        from pg_class
        where relnamespace = 'bronze'::regnamespace and relkind in ('r', 'p') and relowner <> builder::regrole
    loop
        execute format('alter table %s owner to %s', item.name, builder);
    end loop;
    for item in
        select oid::regprocedure as name
        from pg_proc
        where pronamespace = 'bronze'::regnamespace and proowner <> builder::regrole
    loop
        execute format('alter function %s owner to %s', item.name, builder);
    end loop;
    -- What roles.yml declares, and the builder cannot grant any more.
    if to_regclass('governance.missing_rights') is not null then
        for item in
            select statement from governance.missing_rights where owner = 'retail_audit_owner'::regrole
        loop
            execute item.statement;
        end loop;
    end if;
end $protect$;
