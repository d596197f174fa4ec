{#- A build starts from what readers see: every published relation has a view in the candidate schema. What an earlier build left unpublished
    is dropped; its change logs are still there, so this build looks at the same keys again. -#}
{% macro begin_candidate() -%}
    {%- set release = pg_wap.relation_of(pg_wap.published_models() | first) -%}
    {%- set schemas = {} -%}
    {%- for name, relation in [
        ("published", release), ("tables", pg_wap.stored_table(release)), ("candidate", pg_wap.candidate_of(release))
    ] -%}
        {%- do schemas.update({name: relation.without_identifier().include(database=false)}) -%}
    {%- endfor -%}
    create schema if not exists {{ schemas.published }};
    create schema if not exists {{ schemas.tables }};
    drop schema if exists {{ schemas.candidate }} cascade;
    create schema {{ schemas.candidate }};

    {{ pg_wap.create_candidate_views(schemas) | indent(4) }};

    delete from {{ pg_wap.audit_table("candidate_steps") }};
    delete from {{ pg_wap.audit_table("candidate") }};
    insert into {{ pg_wap.audit_table("candidate") }} (invocation_id, git_commit, code)
    values ('{{ invocation_id }}', {{ pg_wap.git_commit() }}, '{{ pg_wap.code_fingerprint() }}');
{%- endmacro %}

{#- Tables that were in the published schema before the package was installed become the tables behind its views. -#}
{% macro create_candidate_views(schemas) -%}
    do $begin$
    declare
        published_names constant text[] := array['{{ pg_wap.published_models() | map(attribute="alias") | join("', '") }}'];
        found record;
    begin
        for found in
            select relname
            from pg_class
            where
                relnamespace = to_regnamespace('{{ schemas.published }}')
                and relkind in ('r', 'p')
                and relname = any(published_names)
        loop
            execute format('alter table {{ schemas.published }}.%I set schema {{ schemas.tables }}', found.relname);
            execute format(
                'create view {{ schemas.published }}.%I as select * from {{ schemas.tables }}.%I', found.relname, found.relname
            );
        end loop;
        for found in
            select
                relname,
                relname = any(published_names) as is_published
            from pg_class
            where
                relnamespace = to_regnamespace('{{ schemas.tables }}')
                and relkind in ('r', 'p')
                and (relname = any(published_names) or relname ~ '__(new|gone|added)$')
        loop
            if found.is_published then
                execute format(
                    'create view {{ schemas.candidate }}.%I as select * from {{ schemas.tables }}.%I', found.relname, found.relname
                );
            else
                execute format('drop table {{ schemas.tables }}.%I', found.relname);
            end if;
        end loop;
        {{ pg_wap.create_view_candidates() | indent(8) }}
    end $begin$
{%- endmacro %}

{#- A published view has no table to start from, nor has a relation that `dbt clone` made: the candidate shows what readers see until the
    relation is built. -#}
{% macro create_view_candidates() -%}
    {%- for node in pg_wap.published_models() -%}
        {%- set candidate = pg_wap.candidate_of(pg_wap.relation_of(node)).include(database=false) %}
        {%- set view = pg_wap.relation_of(node).include(database=false) %}
if to_regclass('{{ candidate }}') is null and to_regclass('{{ view }}') is not null then
    create view {{ candidate }} as select * from {{ view }};
end if;
    {%- endfor -%}
{%- endmacro %}
