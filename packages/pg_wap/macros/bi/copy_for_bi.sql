{#- A run-operation: copies the release into tables with declared keys. Tools that read the catalogue find no keys on a view. Readers of the
    copy see the old one until all of the new one is there.

    Arguments:
        again: whether to copy a release that is there already. -#}
{% macro copy_for_bi(again=false) -%}
    {%- do run_query(pg_wap.create_tables()) if load_relation(pg_wap.audit_table("runs")) -%}
    {%- set releases = pg_wap.audit_table("releases") -%}
    {%- set release = run_query("select max(release_id) from " ~ releases).columns[0].values() | first if load_relation(releases) else none -%}
    {%- if not release -%}
        {{ exceptions.raise_compiler_error("there is no release to copy: run `dbt build` first. Nothing changed.") }}
    {%- endif -%}
    {%- set schema = pg_wap.schema_of("bi") -%}
    {%- set stamp = run_query("select obj_description(to_regnamespace('" ~ schema ~ "'), 'pg_namespace')").columns[0].values() | first or "" -%}
    {%- if stamp.startswith(pg_wap.bi_stamp(release)) and not again -%}
        {%- do log(schema ~ " has release " ~ release ~ " already.", info=true) -%}
    {%- else -%}
        {%- set began = modules.datetime.datetime.now() -%}
        {%- set relations = pg_wap.relations_to_copy() -%}
        {%- set staged = schema ~ "_new" -%}
        {%- do run_query("begin; drop schema if exists " ~ staged ~ " cascade; create schema " ~ staged ~ "; commit") -%}
        {%- for relation in relations -%}
            {%- call statement("copy", auto_begin=false) -%}
                {{ pg_wap.copy_relation_sql(relation, staged, release) }}
            {%- endcall -%}
        {%- endfor -%}
        {%- for relation in relations -%}
            {%- call statement("references", auto_begin=false) -%}
                {{ pg_wap.add_foreign_keys_sql(relation, relations | map(attribute="relation") | list, staged) }}
            {%- endcall -%}
        {%- endfor -%}
        {%- call statement("swap", auto_begin=false) -%}{{ pg_wap.swap_copy_sql(schema, staged, release) }}{%- endcall -%}
        {%- do log(
            "Copied " ~ relations | length ~ " relations of release " ~ release ~ " to the schema " ~ schema ~ " in "
            ~ "%.1f" % (modules.datetime.datetime.now() - began).total_seconds() ~ " s.", info=true
        ) -%}
    {%- endif -%}
{%- endmacro %}

{% macro bi_stamp(release) -%}
    {{ return("Release " ~ release ~ " of " ~ pg_wap.published_schema() ~ ",") }}
{%- endmacro %}

{#- What the project lets others read, with its keys, and the columns that need another type: `meta: bi_type:`. -#}
{% macro relations_to_copy() -%}
    {%- set relations = [] -%}
    {%- for node in pg_wap.published_models() -%}
        {%- set declared = pg_wap.declared_relation(node) -%}
        {%- if declared.access != "protected" and load_relation(pg_wap.relation_of(node)) -%}
            {%- set types = {} -%}
            {%- for column in node.columns.values() if (column.config.meta or column.meta).get("bi_type") -%}
                {%- do types.update({column.name: (column.config.meta or column.meta).bi_type}) -%}
            {%- endfor -%}
            {%- do relations.append(dict(declared, name=node.alias, types=types)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(relations) }}
{%- endmacro %}

{#- Comments and the columns that are never null come from the catalogue, rights from the published view. -#}
{% macro copy_relation_sql(relation, staged, release) -%}
    {%- set view = api.Relation.create(schema=pg_wap.published_schema(), identifier=relation.name) -%}
    {%- set table = api.Relation.create(schema=staged, identifier=relation.name) -%}
    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(api.Relation.create(
        database=target.database, schema=pg_wap.published_schema(), identifier=relation.name
    )) -%}
        {%- set name = adapter.quote(column.name) -%}
        {%- do columns.append(name ~ "::" ~ relation.types[column.name] ~ " as " ~ name if column.name in relation.types else name) -%}
    {%- endfor -%}
    begin;
    create table {{ table }} as select {{ columns | join(", ") }} from {{ view }};
    {%- for key in relation["keys"] if key.kind == "primary key" %}
    alter table {{ table }} add constraint {{ adapter.quote(key.name) }} primary key ({{ pg_wap.quoted_names(key["columns"]) }});
    {%- endfor %}

    do $describe$
    declare
        found record;
    begin
        if (select max(release_id) from {{ pg_wap.audit_table("releases") }}) <> {{ release }} then
            raise exception 'another release was published while release {{ release }} was copied: copy it again. The old copy stays';
        end if;
        for found in
            select
                attname,
                description
            from pg_description
            left join pg_attribute on objoid = attrelid and objsubid = attnum and attnum > 0
            where objoid = '{{ view }}'::regclass and classoid = 'pg_class'::regclass
        loop
            if found.attname is null then
                execute format('comment on table {{ table }} is %L', found.description);
            else
                execute format('comment on column {{ table }}.%I is %L', found.attname, found.description);
            end if;
        end loop;
        for found in
            select attname
            from pg_attribute
            where attrelid = to_regclass('{{ pg_wap.stored_table(view).include(database=false) }}') and attnum > 0 and attnotnull
        loop
            execute format('alter table {{ table }} alter %I set not null', found.attname);
        end loop;
        for found in
            select case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee
            from pg_class
            cross join lateral aclexplode(relacl)
            where pg_class.oid = '{{ view }}'::regclass and grantee <> relowner and privilege_type = 'SELECT'
        loop
            execute format('grant select on {{ table }} to %s', found.grantee);
        end loop;
    end $describe$;
    commit;
    analyze {{ table }}
{%- endmacro %}

{#- Real foreign keys, which PostgreSQL checks: a tool that draws a relation may rely on it. -#}
{% macro add_foreign_keys_sql(relation, copied, staged) -%}
    select 1;
    {%- for key in relation["keys"] if key.kind == "foreign key" and key.to_relation in copied %}
    alter table {{ api.Relation.create(schema=staged, identifier=relation.name) }}
    add constraint {{ adapter.quote(key.name) }} foreign key ({{ pg_wap.quoted_names(key["columns"]) }})
    references {{ api.Relation.create(schema=staged, identifier=key.to_relation.split(".")[-1]) }}
    ({{ pg_wap.quoted_names(key.to_columns) }});
    {%- endfor %}
    commit
{%- endmacro %}

{% macro quoted_names(names) -%}
    {%- set quoted = [] -%}
    {%- for name in names -%}
        {%- do quoted.append(adapter.quote(name)) -%}
    {%- endfor -%}
    {{ return(quoted | join(", ")) }}
{%- endmacro %}

{% macro swap_copy_sql(schema, staged, release) -%}
    {%- set before %}
create schema if not exists {{ schema }};
for step in
    select case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee
    from pg_namespace
    cross join lateral aclexplode(nspacl)
    where nspname = '{{ pg_wap.published_schema() }}' and grantee <> nspowner and privilege_type = 'USAGE'
loop
    execute format('grant usage on schema {{ schema }} to %s', step.grantee);
end loop;
    {%- endset -%}
    {%- set swap %}
begin
    if exclusive <> '{}' then
        execute 'drop table ' || array_to_string(exclusive, ', ');
    end if;
exception when dependent_objects_still_exist then
    get stacked diagnostics dependents = pg_exception_detail;
    raise exception 'the tables of {{ schema }} cannot be replaced, because %: drop that, then copy again. The old copy stays',
        replace(dependents, E'\n', ', ');
end;
for step in select relname from pg_class where relnamespace = '{{ staged }}'::regnamespace and relkind = 'r' loop
    execute format('alter table {{ staged }}.%I set schema {{ schema }}', step.relname);
end loop;
    {%- endset -%}
    {%- set after %}
drop schema {{ staged }};
execute format(
    'comment on schema {{ schema }} is %L',
    '{{ pg_wap.bi_stamp(release) }} copied ' || to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SS TZ')
    || '. Tables with primary and foreign keys, for tools that read the catalogue.'
);
    {%- endset -%}
    begin;
    {{ pg_wap.swap_under_locks(
        what=schema,
        shared="array[]::text[]",
        exclusive="array(select format('%I.%I', '" ~ schema ~ "', relname) from pg_class where relnamespace = to_regnamespace('"
            ~ schema ~ "') and relkind = 'r' order by relname)",
        swap=swap,
        before=before,
        after=after,
    ) }};
    commit
{%- endmacro %}
