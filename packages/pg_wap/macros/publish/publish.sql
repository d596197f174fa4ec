{#- A run-operation: publishes a candidate whose checks have passed, where the build could not. -#}
{% macro publish() -%}
    {%- do run_query(pg_wap.create_tables()) if load_relation(pg_wap.audit_table("runs")) -%}
    {%- set rows = run_query(
        "select code, is_complete, audited_at is not null, coalesce(git_commit, 'unknown'),"
        ~ " exists (select from " ~ pg_wap.audit_table("candidate_steps") ~ ") from " ~ pg_wap.audit_table("candidate")
    ).rows if load_relation(pg_wap.audit_table("candidate")) else [] -%}
    {%- set problem = namespace(text=none) -%}
    {%- if not rows or not rows[0][4] -%}
        {%- set problem.text = "there is nothing to publish: run `dbt build` first" -%}
    {%- elif not rows[0][2] -%}
        {%- set problem.text = "not all checks have passed on the candidate: run `dbt test`, or `dbt build`, which publishes it" -%}
    {%- elif rows[0][0] != pg_wap.code_fingerprint() -%}
        {%- set problem.text = "the candidate was built by other code than this (git commit " ~ rows[0][3] ~ "): run `dbt build`" -%}
    {%- endif -%}
    {%- if problem.text -%}
        {{ exceptions.raise_compiler_error(problem.text ~ ". The release did not change.") }}
    {%- endif -%}
    {%- do pg_wap.publish_candidate(rows[0][1]) -%}
    {{ pg_wap.published() }}
{%- endmacro %}

{#- Publishes the whole candidate, with the records of what is published, in one transaction. Then follows what no reader waits for.

    Arguments:
        is_complete: whether all change logs have been worked off, so that they may be emptied.
        invocation: the build that must still own the candidate; none for any. -#}
{% macro publish_candidate(is_complete, invocation=none) -%}
    {%- call statement("publish", auto_begin=false) -%}{{ pg_wap.publish_sql(is_complete, invocation) }}{%- endcall -%}
    {%- set last = run_query(
        "select release_id, cardinality(changed_models) from " ~ pg_wap.audit_table("releases") ~ " order by release_id desc limit 1"
    ).rows[0] -%}
    {%- do log(
        "Published " ~ last[1] ~ " relation" ~ ("s" if last[1] != 1 else "") ~ " of " ~ pg_wap.published_schema()
        ~ " (release " ~ last[0] ~ ").", info=true
    ) -%}
    {%- do run_query(pg_wap.run_after_sql()) -%}
    {{ pg_wap.describe_release() }}
    {{ pg_wap.complete_playgrounds() }}
{%- endmacro %}

{#- Sizes of what is published, in a table and in comments. -#}
{% macro describe_release() -%}
    {%- do run_query(pg_wap.record_rows()) -%}
    {%- do run_query(pg_wap.comment_row_counts()) -%}
{%- endmacro %}

{% macro publish_sql(is_complete, invocation=none) -%}
    {%- set steps = pg_wap.audit_table("candidate_steps") -%}
    {%- set before %}
{{ pg_wap.lock_releases() }}
perform from {{ pg_wap.audit_table("candidate") }} {% if invocation %}where invocation_id = '{{ invocation }}' {% endif %}for update;
if not found then
    raise exception 'another build or a rollback of this warehouse began after this one: run it again after the other';
end if;
-- one release before the present one is kept, whole; tables that a prepared statement may still name are dropped under the locks
for step in {{ pg_wap.kept_tables("__previous_(gone|added)$") | indent(4) }} loop
    execute format('drop table %s cascade', step.name);
end loop;
previous := array({{ pg_wap.kept_tables("__previous$") | indent(4) }});
delete from {{ pg_wap.audit_table("rollback_steps") }};
insert into {{ pg_wap.audit_table("rollback_steps") }} select * from {{ steps }};
for step in select * from {{ steps }} order by view loop
    execute format('drop view if exists %s cascade', step.candidate);
    execute step.prepare_sql;
    if step.is_full and exists (select from pg_class where oid = to_regclass(step.view) and relkind = 'v') then
        begin
            execute step.description_sql;
        exception when undefined_column then
            null;
        end;
    end if;
end loop;
update {{ pg_wap.audit_table("model_states") }} as state
set built_in_full_at = steps.staged_at
from {{ steps }} as steps
where state.unique_id = steps.unique_id and steps.is_full;
{%- if is_complete %}
{{ pg_wap.record_success(pg_wap.change_logs()) }}
{%- endif %}
    {%- endset -%}
    {%- set after %}
for step in select * from {{ steps }} where to_regclass(nullif(stored, '')) is not null loop
    execute format('create view %s as select * from %s', step.candidate, step.stored);
end loop;
{{ pg_wap.create_view_candidates() }}
{{ pg_wap.record_release("publish") }}
delete from {{ steps }};
delete from {{ pg_wap.audit_table("candidate") }};
    {%- endset -%}
    {{ return("begin;\n" ~ pg_wap.swap_release(steps, "", before, after) ~ ";\ncommit") }}
{%- endmacro %}

{#- One release or rollback at a time: a second one that began meanwhile would take back, or publish, what the first has already. -#}
{% macro lock_releases() -%}
begin
    lock table {{ pg_wap.audit_table("releases") }} in share row exclusive mode;
exception when lock_not_available then
    raise exception 'another release or rollback of {{ pg_wap.published_schema() }} is in progress: run this again when it has ended. Nothing changed.';
end;
{%- endmacro %}

{#- Swaps all views of the release. `way` is empty to publish, and `rollback_` to go back.

    New tables are locked before readers wait, too: autovacuum works on them after a full build, the swap renames them, and an attempt that ends
    after 50 ms does not stop it. A first release of 75 partitions gave up after 60 s, which took 1.5 s without autovacuum. -#}
{% macro swap_release(steps, way, before, after) -%}
    {%- set swap %}
created := '{}';
aside := '{}';
foreach name in array previous loop
    execute format('drop table %s cascade', name);
end loop;
-- a view without rows comes after the relations that it reads, which dbt staged before it
for step in
    select * from {{ steps }}
    where left({{ way }}published_by, 1) = '(' or to_regclass(nullif({{ way }}published_by, '')) is not null
    order by view = stored, staged_at, view
loop
    {{ pg_wap.replace_view(steps, way ~ "published_by") | indent(4) }}
end loop;
-- one statement drops the views that leave, because one of them may read another; no view that stays reads one of them any more
select string_agg(view, ', ') into gone
from {{ steps }}
where
    {{ way }}published_by <> ''
    and left({{ way }}published_by, 1) <> '('
    and to_regclass({{ way }}published_by) is null
    and to_regclass(view) is not null;
{{ pg_wap.put_playground_views_aside(pg_wap.objects_that_leave(steps)) }}
if gone is not null then
    execute format('drop view %s', gone);
end if;
for step in select * from {{ steps }} order by view loop
    execute step.{{ way }}swap_sql;
    if step.view = any(created) then
        execute step.description_sql;
    end if;
end loop;
    {%- endset -%}
    {{ pg_wap.swap_under_locks(
        what=pg_wap.published_schema(),
        shared="array(select stored from " ~ steps ~ " where to_regclass(nullif(stored, '')) is not null order by view)"
            ~ " || array(" ~ pg_wap.kept_tables("__new$") ~ ")",
        exclusive="array(select view from " ~ steps ~ " where to_regclass(view) is not null order by view) || previous",
        swap=swap,
        before=before ~ "\n" ~ pg_wap.release_preparations() ~ "\n" ~ pg_wap.prepare_guard(),
        after=after ~ "\n" ~ pg_wap.restore_playground_views() ~ "\n" ~ pg_wap.release_statements(),
    ) }}
{%- endmacro %}

{#- PostgreSQL lets a view be replaced by one with the same columns and perhaps more, and the views of others on it stay. A view with other
    columns has to be dropped and created, which the views of others forbid. Published views that read it are created again after it: by
    their own step, or with the definition that they have. Views of playgrounds are made again at the end. -#}
{% macro replace_view(steps, published_by) -%}
    begin
        if to_regclass(step.view) is null then
            created := created || step.view;
        end if;
        execute format('create or replace view %s as select * from %s %s', step.view, step.{{ published_by }}, guard);
    exception when invalid_table_definition then
        {{ pg_wap.put_playground_views_aside(
            "select 'pg_class'::regclass as classid, to_regclass(step.view)::oid as objid"
        ) | indent(8) }}
        above := '{}';
        for derived in {{ pg_wap.published_views_above(steps) | indent(12) }} loop
            begin
                execute format('drop view if exists %s cascade', derived.candidate);
                execute format('drop view %s', derived.view);
                above := derived.definition || above;
            exception when dependent_objects_still_exist then
                null;
            end;
        end loop;
        select string_agg(distinct pg_rewrite.ev_class::regclass::text, ', ')
        into dependents
        from pg_depend
        inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
        where
            pg_depend.classid = 'pg_rewrite'::regclass
            and pg_depend.refclassid = 'pg_class'::regclass
            and pg_depend.refobjid = to_regclass(step.view)
            and pg_rewrite.ev_class <> to_regclass(step.view);
        if dependents is not null then
            raise exception '% has other columns than before, and % reads it: drop or change that, then publish again',
                step.view, dependents;
        end if;
        execute format('drop view %s', step.view);
        execute format('create view %s as select * from %s %s', step.view, step.{{ published_by }}, guard);
        created := created || step.view;
        begin
            execute array_to_string(above, ' ');
        exception when undefined_column then
            raise exception '% loses a column that another published view reads: % Build that view as well', step.view, sqlerrm;
        end;
    end;
{%- endmacro %}

{#- The published views that read a published view, directly or not, the farthest first, each with the statements that make it again. A view
    that has a step of its own is made by that step. -#}
{% macro published_views_above(steps) -%}
    with recursive readers as (

        select
            pg_depend.refobjid as read_oid,
            pg_rewrite.ev_class as oid
        from pg_depend
        inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
        inner join pg_class on pg_rewrite.ev_class = pg_class.oid
        where
            pg_depend.classid = 'pg_rewrite'::regclass
            and pg_depend.refclassid = 'pg_class'::regclass
            and pg_depend.refobjid <> pg_rewrite.ev_class
            and pg_class.relnamespace = (select relnamespace from pg_class where oid = to_regclass(step.view))

    ),

    distances as (

        select
            readers.oid,
            1 as distance
        from readers
        where readers.read_oid = to_regclass(step.view)
        union
        select
            readers.oid,
            distances.distance + 1
        from distances
        inner join readers on distances.oid = readers.read_oid

    )

    select
        distances.oid::regclass::text as view,
        (
            select format('%I.%I', relnamespace::regnamespace || '_candidate', relname) from pg_class where oid = distances.oid
        ) as candidate,
        case when exists (select from {{ steps }} as others where to_regclass(others.view) = distances.oid) then '' else
            format('create view %s as %s ', distances.oid::regclass, pg_get_viewdef(distances.oid))
            || {{ pg_wap.description_of_view("distances.oid", "distances.oid::regclass::text") | indent(12) }}
        end as definition
    from distances
    group by distances.oid
    order by max(distances.distance) desc
{%- endmacro %}

{#- Statistics of what changed: no reader has to wait for them. -#}
{% macro run_after_sql() -%}
    do $after$
    declare
        step record;
    begin
        for step in select * from {{ pg_wap.audit_table("rollback_steps") }} where after_sql <> '' loop
            execute step.after_sql;
        end loop;
    end $after$
{%- endmacro %}

{#- The tables behind the published schema whose names match, partitions of others aside. -#}
{% macro kept_tables(pattern) -%}
    {%- set schemas = [] -%}
    {%- for node in pg_wap.published_models() -%}
        {%- set relation = pg_wap.relation_of(node) -%}
        {%- for schema in [pg_wap.stored_table(relation).schema, pg_wap.partitions_of(relation).schema] if schema not in schemas -%}
            {%- do schemas.append(schema) -%}
        {%- endfor -%}
    {%- endfor %}
    select pg_class.oid::regclass::text as name
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where
        nspname in ('{{ schemas | join("', '") }}')
        and relkind in ('r', 'p')
        and not relispartition
        and relname ~ '{{ pattern }}'
{%- endmacro %}
