{#- What leaves the project leaves the published schema with the next release. The step of a retired relation has the same form as that of a
    model: its table becomes the previous one, so a rollback brings it back. A relation that a view of others reads stays. -#}
{% macro stage_retired() -%}
    {%- if load_relation(pg_wap.audit_table("releases")) -%}
        {%- set gone = [] -%}
        {%- for name, readers in run_query(pg_wap.retired_relations() ~ " select name, readers from retired order by name").rows -%}
            {%- set relation = name | replace('"', "") -%}
            {%- if readers -%}
                {%- do log(
                    relation ~ " is no longer in the project, but " ~ readers ~ " reads it: it stays until that is dropped or changed.",
                    info=true
                ) -%}
            {%- else -%}
                {%- do log(relation ~ " is no longer in the project: it leaves with the next release. A rollback brings it back.", info=true) -%}
                {%- do gone.append(name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do run_query("begin; " ~ pg_wap.stage_retired_sql(gone) ~ "; commit") if gone -%}
    {%- endif -%}
{%- endmacro %}

{#- Relations of former releases that no model makes any more, and what reads them. -#}
{% macro retired_relations() -%}
    {%- set names, schemas = [], {} -%}
    {%- for node in pg_wap.published_models() + graph.get("functions", {}).values() | list -%}
        {%- do names.append(pg_wap.relation_of(node).include(database=false) | string) -%}
    {%- endfor -%}
    with

    released as (

        select distinct unnest(changed_models) as name from {{ pg_wap.audit_table("releases") }}

    ),

    former as (

        select * from released
        where name <> all(array['{{ names | join("', '") }}'])

    ),

    views as (

        select
            former.name,
            pg_class.oid,
            'v' as kind,
            '{{ pg_wap.tables_schema() }}.' || quote_ident(pg_class.relname) as stored,
            quote_ident(pg_class.relname || '__previous') as previous,
            '{{ pg_wap.audit_table("runs").without_identifier().include(database=false) }}.'
            || quote_ident(left(pg_class.relname, 54) || '__changes') as change_log
        from former
        inner join pg_class on to_regclass(former.name) = pg_class.oid
        where pg_class.relkind = 'v'

    ),

    functions as (

        select
            former.name,
            pg_proc.oid,
            'f' as kind,
            '' as stored,
            '' as previous,
            '' as change_log
        from former
        inner join pg_namespace on starts_with(former.name, '"' || pg_namespace.nspname || '"')
        inner join pg_proc
            on
                pg_namespace.oid = pg_proc.pronamespace
                and former.name = '"' || pg_namespace.nspname || '"."' || pg_proc.proname || '"'

    ),

    readers as (

        select
            pg_depend.refclassid,
            pg_depend.refobjid as oid,
            string_agg(distinct pg_rewrite.ev_class::regclass::text, ', ') as readers
        from pg_depend
        inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
        where
            pg_depend.classid = 'pg_rewrite'::regclass
            and pg_depend.refobjid <> pg_rewrite.ev_class
            and pg_rewrite.ev_class not in (select views.oid from views)
            and pg_rewrite.ev_class not in (
                select pg_class.oid
                from pg_class
                inner join ({{ pg_wap.playground_schemas() }}) as playground_schemas
                    on pg_class.relnamespace = playground_schemas.oid
            )
        group by pg_depend.refclassid, pg_depend.refobjid

    ),

    retired as (

        select
            all_kinds.*,
            readers.readers
        from (select * from views union all select * from functions) as all_kinds
        left join readers
            on
                all_kinds.oid = readers.oid
                and case all_kinds.kind when 'v' then 'pg_class' else 'pg_proc' end::regclass = readers.refclassid

    )
{%- endmacro %}

{#- One statement drops all views, because one of them may read another. -#}
{% macro stage_retired_sql(names) -%}
    insert into {{ pg_wap.audit_table("candidate_steps") }} (
        unique_id, view, candidate, stored, is_full, prepare_sql, published_by, swap_sql, after_sql, description_sql,
        rollback_prepare_sql, rollback_published_by, rollback_swap_sql
    )
    {{ pg_wap.retired_relations() }},

    leaving as (

        select
            retired.*,
            kind = 'v' and to_regclass(stored) is not null as has_table,
            string_agg(name, ', ') filter (where kind = 'v') over () as all_views,
            row_number() over (partition by kind order by name) as place
        from retired
        where name = any(array['{{ names | join("', '") }}'])

    ),

    described as (

        select
            leaving.*,
            {{ pg_wap.description_of_view("leaving.oid", "leaving.name") | indent(12) }} as description_sql
        from leaving

    )

    select
        'retired.' || name,
        name,
        'pg_temp.' || split_part(name, '.', 2),
        case when has_table then stored when kind = 'v' then name else '' end,
        false,
        '',
        '',
        case
            when kind = 'f' then format('drop function %s;', oid::regprocedure)
            else
                case when place = 1 then format('drop view if exists %s;', all_views) else '' end
                || case when has_table then format('alter table %s rename to %s;', stored, previous) else '' end
                || format('drop table if exists %s;', change_log)
        end,
        '',
        description_sql,
        '',
        case
            when has_table then '{{ pg_wap.tables_schema() }}.' || previous
            when kind = 'v' then '(' || rtrim(pg_get_viewdef(oid), ';') || ') as previous'
            else ''
        end,
        case
            when kind = 'f' then
                pg_get_functiondef(oid) || format('; comment on function %s is %L;', oid::regprocedure, obj_description(oid, 'pg_proc'))
            when has_table then
                format(
                    'alter table {{ pg_wap.tables_schema() }}.%s rename to %s;',
                    previous, split_part(stored, '.', 2)
                )
            else ''
        end
    from described
{%- endmacro %}

{#- SQL of the statements that give a view its comments and grants again. -#}
{% macro description_of_view(oid, name) -%}
    (
        select coalesce(string_agg(
            case
                when objsubid = 0 then format('comment on view %s is %L;', {{ name }}, description)
                else format('comment on column %s.%I is %L;', {{ name }}, attname, description)
            end,
            ' '
        ), '')
        from pg_description
        left join pg_attribute on pg_description.objoid = attrelid and objsubid = attnum and attnum > 0
        where pg_description.objoid = {{ oid }} and pg_description.classoid = 'pg_class'::regclass
    )
    || (
        select coalesce(string_agg(
            format(
                'grant %s on %s to %s;', privilege_type, {{ name }},
                case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
            ),
            ' '
        ), '')
        from pg_class as described_class
        cross join lateral aclexplode(described_class.relacl)
        where described_class.oid = {{ oid }} and grantee <> described_class.relowner
    )
{%- endmacro %}
