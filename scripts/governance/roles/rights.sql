-- What roles.yml declares, what the server has, and the difference. The tables belong to who runs `make roles`, so the role
-- that builds cannot widen its own declaration.
create schema if not exists governance;
revoke all on schema governance from public;

create table if not exists governance.roles (
    role_name text primary key,
    purpose text not null,
    attributes text[] not null,
    member_of text[] not null,
    managed_elsewhere boolean not null
);
create table if not exists governance.rights (
    role_name text not null references governance.roles,
    kind text not null check (kind in ('relation', 'function')),
    schema_name text not null,
    name_pattern text not null,
    excluded_patterns text[] not null
);
comment on table governance.roles is 'Roles that roles.yml declares, written by `make roles`';
comment on table governance.rights is 'Rights that roles.yml declares: like-patterns of relations or functions of a schema';

-- Each right that a declared role should have, with the object that exists now.
create or replace view governance.expected_rights as
select distinct
    rights.role_name,
    'pg_class'::regclass as classid,
    pg_class.oid as objid,
    'SELECT' as privilege,
    format('%I.%I', pg_namespace.nspname, pg_class.relname) as object,
    'table' as kind,
    pg_class.relowner as owner
from governance.rights
inner join pg_namespace on rights.schema_name = pg_namespace.nspname
inner join pg_class on pg_namespace.oid = pg_class.relnamespace
where
    rights.kind = 'relation'
    and pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
    and pg_class.relname like rights.name_pattern
    and not pg_class.relname like any(rights.excluded_patterns)
union all
select distinct
    rights.role_name,
    'pg_proc'::regclass,
    pg_proc.oid,
    'EXECUTE',
    format('%I.%I(%s)', pg_namespace.nspname, pg_proc.proname, pg_get_function_identity_arguments(pg_proc.oid)),
    'function',
    pg_proc.proowner
from governance.rights
inner join pg_namespace on rights.schema_name = pg_namespace.nspname
inner join pg_proc on pg_namespace.oid = pg_proc.pronamespace
where rights.kind = 'function' and pg_proc.proname like rights.name_pattern
union all
select distinct
    rights.role_name,
    'pg_namespace'::regclass,
    pg_namespace.oid,
    'USAGE',
    format('%I', pg_namespace.nspname),
    'schema',
    pg_namespace.nspowner
from governance.rights
inner join pg_namespace on rights.schema_name = pg_namespace.nspname;

-- The rights that declared roles have, and those of everyone in the schemas of the declaration.
create or replace view governance.actual_rights as
select
    coalesce(pg_roles.rolname, 'public') as role_name,
    granted.classid,
    granted.objid,
    granted.objsubid,
    granted.privilege,
    granted.object,
    granted.kind
from (
    select
        'pg_class'::regclass as classid,
        pg_class.oid as objid,
        0 as objsubid,
        acl.grantee,
        acl.privilege_type as privilege,
        format('%I.%I', pg_namespace.nspname, pg_class.relname) as object,
        case when pg_class.relkind = 'S' then 'sequence' else 'table' end as kind,
        pg_class.relowner as owner,
        pg_namespace.nspname
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    cross join lateral aclexplode(pg_class.relacl) as acl
    union all
    select
        'pg_class'::regclass,
        pg_class.oid,
        pg_attribute.attnum,
        acl.grantee,
        format('%s (%I)', acl.privilege_type, pg_attribute.attname),
        format('%I.%I', pg_namespace.nspname, pg_class.relname),
        'table',
        pg_class.relowner,
        pg_namespace.nspname
    from pg_attribute
    inner join pg_class on pg_attribute.attrelid = pg_class.oid
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    cross join lateral aclexplode(pg_attribute.attacl) as acl
    union all
    select
        'pg_proc'::regclass,
        pg_proc.oid,
        0,
        acl.grantee,
        acl.privilege_type,
        format('%I.%I(%s)', pg_namespace.nspname, pg_proc.proname, pg_get_function_identity_arguments(pg_proc.oid)),
        'function',
        pg_proc.proowner,
        pg_namespace.nspname
    from pg_proc
    inner join pg_namespace on pg_proc.pronamespace = pg_namespace.oid
    cross join lateral aclexplode(pg_proc.proacl) as acl
    where acl.grantee <> 0
    union all
    select
        'pg_namespace'::regclass,
        pg_namespace.oid,
        0,
        acl.grantee,
        acl.privilege_type,
        format('%I', pg_namespace.nspname),
        'schema',
        pg_namespace.nspowner,
        pg_namespace.nspname
    from pg_namespace
    cross join lateral aclexplode(pg_namespace.nspacl) as acl
) as granted
left join pg_roles on granted.grantee = pg_roles.oid
where
    granted.grantee <> granted.owner
    and (
        pg_roles.rolname in (select roles.role_name from governance.roles)
        or (granted.grantee = 0 and granted.nspname in (select rights.schema_name from governance.rights))
    );

-- What a declared role should have and has not, with the statement that grants it.
create or replace view governance.missing_rights as
select
    expected.role_name,
    expected.classid,
    expected.objid,
    expected.object,
    expected.privilege,
    expected.owner,
    format('grant %s on %s %s to %I', expected.privilege, expected.kind, expected.object, expected.role_name) as statement
from governance.expected_rights as expected
inner join pg_roles on expected.role_name = pg_roles.rolname
left join lateral (
    select relacl as acl from pg_class where expected.classid = 'pg_class'::regclass and oid = expected.objid
    union all
    select proacl from pg_proc where expected.classid = 'pg_proc'::regclass and oid = expected.objid
    union all
    select nspacl from pg_namespace where expected.classid = 'pg_namespace'::regclass and oid = expected.objid
) as present on true
where not exists (
    select
    from aclexplode(present.acl) as granted
    where granted.grantee = pg_roles.oid and granted.privilege_type = expected.privilege
);

-- Each difference between the declaration and the server, in one line, with the statement that ends it.
create or replace view governance.drift as
select
    role_name,
    format('lacks %s on %s', privilege, object) as difference,
    statement
from governance.missing_rights
union all
select
    actual.role_name,
    format('has %s on %s, which roles.yml does not declare', actual.privilege, actual.object),
    format('revoke %s on %s %s from %I', actual.privilege, actual.kind, actual.object, actual.role_name)
from governance.actual_rights as actual
left join governance.roles on actual.role_name = roles.role_name
where
    -- Other code grants the rights of the loader, all of them in bronze.
    not (coalesce(roles.managed_elsewhere, false) and (actual.object = 'bronze' or actual.object like 'bronze.%'))
    -- What a builder owns without owning its schema, it may read.
    and not (actual.role_name = 'retail_builder' and actual.object like 'governance%')
    -- The engine keeps tables in a schema that the builder does not own (migrations/protect.sql).
    and not (actual.role_name = 'retail_builder' and (actual.object = 'audit' or actual.object like 'audit.%'))
    and not exists (
        select
        from governance.expected_rights as expected
        where
            expected.role_name = actual.role_name
            and expected.classid = actual.classid
            and expected.objid = actual.objid
            and actual.objsubid = 0
            and expected.privilege = actual.privilege
    )
union all
select
    roles.role_name,
    format('has the attribute %s, which roles.yml does not declare', attributes.name),
    format('alter role %I no%s', roles.role_name, attributes.name)
from governance.roles
inner join pg_roles on roles.role_name = pg_roles.rolname
cross join lateral (
    values
        ('superuser', pg_roles.rolsuper),
        ('createdb', pg_roles.rolcreatedb),
        ('createrole', pg_roles.rolcreaterole),
        ('replication', pg_roles.rolreplication),
        ('bypassrls', pg_roles.rolbypassrls),
        ('login', pg_roles.rolcanlogin)
) as attributes (name, is_set)
where attributes.is_set and attributes.name <> all(roles.attributes)
union all
select
    roles.role_name,
    format('is a member of %s, which roles.yml does not declare', above.rolname),
    format('revoke %I from %I', above.rolname, roles.role_name)
from governance.roles
inner join pg_roles on roles.role_name = pg_roles.rolname
inner join pg_auth_members on pg_roles.oid = pg_auth_members.member
inner join pg_roles as above on pg_auth_members.roleid = above.oid
where above.rolname <> all(roles.member_of)
union all
select
    roles.role_name,
    format('owns %s', pg_describe_object(owned.classid, owned.objid, owned.objsubid)),
    format('reassign owned by %I to retail_builder', roles.role_name)
from governance.roles
inner join pg_roles on roles.role_name = pg_roles.rolname
inner join pg_shdepend as owned on pg_roles.oid = owned.refobjid and owned.refclassid = 'pg_authid'::regclass
where
    owned.deptype = 'o'
    and owned.dbid in (0, (select oid from pg_database where datname = current_database()))
    and roles.role_name <> 'retail_builder'
union all
-- Rights on anything else: a database, a language, a setting, a large object.
select
    roles.role_name,
    format('has rights on %s, which roles.yml does not declare', pg_describe_object(other.classid, other.objid, other.objsubid)),
    format('drop owned by %I', roles.role_name)
from governance.roles
inner join pg_roles on roles.role_name = pg_roles.rolname
inner join pg_shdepend as other on pg_roles.oid = other.refobjid and other.refclassid = 'pg_authid'::regclass
where
    other.deptype = 'a'
    and other.dbid in (0, (select oid from pg_database where datname = current_database()))
    and other.classid not in (
        'pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_default_acl'::regclass,
        'pg_database'::regclass
    );

-- The hook of each release reads what is missing, with the rights of the role that builds.
grant usage on schema governance to retail_builder;
grant select on governance.missing_rights to retail_builder;
