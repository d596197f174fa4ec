{#- A playground is a set of schemas in which somebody builds on the release, such as those of a developer. Its views read the published
    schema, and must never stop a release: a view that is in the way is put aside, and made again before the transaction ends. A view that
    cannot be made again, because it reads what is gone, is lost, and the release names it.

    The mark of a playground is the comment of its own published schema: `playground <prefix> of <published schema>`, then anything after a
    comma. All schemas of the same owner whose names begin with the prefix and an underscore belong to it. -#}
{% macro playground_schemas() -%}
    select
        places.oid,
        marked.oid as marked_oid,
        marked.nspname as marked_name,
        marked.nspowner
    from (
        select
            oid,
            nspname,
            nspowner,
            substring(
                obj_description(oid, 'pg_namespace') from '^playground (\S+) of {{ pg_wap.published_schema() }}(,|$)'
            ) || '_' as prefix
        from pg_namespace
    ) as marked
    inner join pg_namespace as places
        on marked.nspowner = places.nspowner and starts_with(places.nspname, marked.prefix)
    where starts_with(marked.nspname, marked.prefix) and marked.nspname <> '{{ pg_wap.published_schema() }}'
{%- endmacro %}

{#- The views of playgrounds that read one of the given objects, directly or not, the farthest first, each with what makes it again. A view
    that shows all columns of one relation shows all columns that the relation has afterwards.

    Arguments:
        objects: a query of `classid` and `objid`. -#}
{% macro playground_views_above(objects) -%}
    with recursive readers as (

        select
            pg_depend.refclassid,
            pg_depend.refobjid,
            pg_rewrite.ev_class as oid
        from pg_depend
        inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
        where
            pg_depend.classid = 'pg_rewrite'::regclass
            and pg_depend.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
            and pg_depend.refobjid <> pg_rewrite.ev_class

    ),

    distances as (

        select
            readers.oid,
            1 as distance
        from ({{ objects }}) as objects
        inner join readers on objects.classid = readers.refclassid and objects.objid = readers.refobjid
        union
        select
            readers.oid,
            distances.distance + 1
        from distances
        inner join readers on distances.oid = readers.refobjid and readers.refclassid = 'pg_class'::regclass

    ),

    above as (

        select
            pg_class.oid,
            pg_class.relkind,
            pg_class.relname,
            pg_class.relowner,
            pg_class.reloptions,
            pg_class.oid::regclass::text as view,
            max(distances.distance) as distance
        from distances
        inner join pg_class on distances.oid = pg_class.oid
        where pg_class.relnamespace in (select playground_schemas.oid from ({{ pg_wap.playground_schemas() }}) as playground_schemas)
        group by pg_class.oid

    )

    select
        above.view,
        case above.relkind when 'm' then 'materialized view' else 'view' end as kind,
        plain.relation is not null as is_plain,
        jsonb_build_object(
            'view', above.view,
            'is_plain', plain.relation is not null,
            'definition', format(
                'create view %s%s as %s; alter view %s owner to %I; ',
                above.view,
                coalesce(' with (' || array_to_string(above.reloptions, ', ') || ')', ''),
                coalesce('select * from ' || plain.relation, rtrim(pg_get_viewdef(above.oid), ';')),
                above.view,
                above.relowner::regrole
            ),
            'description', {{ pg_wap.description_of_view("above.oid", "above.view") | indent(12) }}
        ) as step
    from above
    left join lateral (
        select min(read.oid::regclass::text) as relation
        from readers
        inner join pg_class as read on readers.refobjid = read.oid and readers.refclassid = 'pg_class'::regclass
        where readers.oid = above.oid
        having
            count(distinct read.oid) = 1
            and min(read.relnamespace::regnamespace::text) = '{{ pg_wap.published_schema() }}'
            and min(read.relname::text) = above.relname::text
    ) as plain on true
    order by above.distance desc, above.view
{%- endmacro %}

{#- Statements of PL/pgSQL that drop the views of playgrounds which read the given objects, and keep in `aside` what makes them again. -#}
{% macro put_playground_views_aside(objects) -%}
for derived in {{ pg_wap.playground_views_above(objects) | indent(4) }} loop
    aside := derived.step || aside;
    execute format('drop %s %s', derived.kind, derived.view);
end loop;
{%- endmacro %}

{#- What the views of playgrounds may read and the swap drops: views and functions that leave, and functions that are made again. -#}
{% macro objects_that_leave(steps) -%}
    select
        'pg_class'::regclass as classid,
        to_regclass(view) as objid
    from {{ steps }}
    where
        to_regclass(view) is not null
        and (view = any(string_to_array(gone, ', ')) or starts_with(unique_id, 'retired.'))
    union all
    select
        'pg_proc'::regclass,
        pg_proc.oid
    from {{ steps }}
    inner join pg_namespace on starts_with(view, '"' || pg_namespace.nspname || '"')
    inner join pg_proc
        on pg_namespace.oid = pg_proc.pronamespace and view = '"' || pg_namespace.nspname || '"."' || pg_proc.proname || '"'
    where stored = ''
{%- endmacro %}

{#- Statements of PL/pgSQL that make the views again, those that others read first. The session remembers which are lost. -#}
{% macro restore_playground_views() -%}
lost := '{}';
foreach kept in array aside loop
    begin
        execute kept ->> 'definition';
        begin
            execute kept ->> 'description';
        exception when undefined_column then
            null;
        end;
    exception when others then
        if not (kept ->> 'is_plain')::boolean then
            lost := lost || (kept ->> 'view');
        end if;
    end;
end loop;
perform set_config('pg_wap.lost_views', array_to_string(lost, ', '), false);
{%- endmacro %}

{#- After a release, outside of its transaction: each playground gets a view of each published relation that it has nothing for, and its views
    that show a published relation get the columns that were added. What cannot be made stays as it is. -#}
{% macro complete_playgrounds() -%}
    {%- set lost = run_query("select current_setting('pg_wap.lost_views', true) as lost").columns[0].values() | first -%}
    {%- if lost -%}
        {%- do log(
            "Views of playgrounds that read what " ~ pg_wap.published_schema() ~ " does not have any more are dropped: " ~ lost
            ~ ". Build them again there.", info=true
        ) -%}
    {%- endif -%}
    {%- do run_query(pg_wap.complete_playgrounds_sql()) -%}
{%- endmacro %}

{% macro complete_playgrounds_sql() -%}
    do $complete$
    declare
        found record;
    begin
        perform set_config('lock_timeout', '1s', true);
        for found in
            with

            places as (

                select distinct
                    marked_oid,
                    marked_name,
                    nspowner
                from ({{ pg_wap.playground_schemas() | indent(16) }}) as playground_schemas

            ),

            published as (

                select
                    oid,
                    relname,
                    relnatts
                from pg_class
                where relnamespace = to_regnamespace('{{ pg_wap.published_schema() }}') and relkind = 'v'

            )

            select
                places.marked_name,
                places.nspowner,
                published.relname
            from places
            cross join published
            left join pg_class as own on places.marked_oid = own.relnamespace and published.relname = own.relname
            where
                own.oid is null
                or (
                    own.relkind = 'v'
                    and own.relnatts < published.relnatts
                    and (
                        select array_agg(distinct pg_depend.refobjid)
                        from pg_rewrite
                        inner join pg_depend on pg_rewrite.oid = pg_depend.objid and pg_depend.classid = 'pg_rewrite'::regclass
                        where
                            pg_rewrite.ev_class = own.oid
                            and pg_depend.refclassid = 'pg_class'::regclass
                            and pg_depend.refobjid <> own.oid
                    ) = array[published.oid]
                )
        loop
            begin
                execute format(
                    'create or replace view %1$I.%2$I as select * from {{ pg_wap.published_schema() }}.%2$I',
                    found.marked_name, found.relname
                );
                if found.nspowner <> current_user::regrole then
                    execute format('alter view %I.%I owner to %s', found.marked_name, found.relname, found.nspowner::regrole);
                end if;
            exception when others then
                null;
            end;
        end loop;
    end $complete$
{%- endmacro %}
