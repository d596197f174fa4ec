{#- A run-operation: readers see the release before the present one again. -#}
{% macro rollback() -%}
    {%- do run_query(pg_wap.create_tables()) if load_relation(pg_wap.audit_table("runs")) -%}
    {%- set release = pg_wap.release_to_roll_back() -%}
    {%- call statement("rollback", auto_begin=false) -%}{{ pg_wap.rollback_sql(release) }}{%- endcall -%}
    {{ pg_wap.describe_release() }}
    {{ pg_wap.complete_playgrounds() }}
    {{ pg_wap.published() }}
{%- endmacro %}

{#- Takes back one release, by its number: if another session was faster, there is nothing left to do. -#}
{% macro rollback_sql(release) -%}
    {%- set steps = pg_wap.audit_table("rollback_steps") -%}
    {%- set before %}
{{ pg_wap.lock_releases() }}
if (select max(release_id) from {{ pg_wap.audit_table("releases") }}) <> {{ release }} then
    raise exception 'release {{ release }} is not the present release any more: nothing changed';
end if;
for step in select * from {{ steps }} order by view loop
    execute format('drop view if exists %s cascade', step.candidate);
    execute step.rollback_prepare_sql;
end loop;
-- a candidate was built on what is taken back; a build that is in progress stops at its next model
delete from {{ pg_wap.audit_table("candidate_steps") }};
delete from {{ pg_wap.audit_table("candidate") }};
-- the models have to be built again, and how they differed is not known any more
update {{ pg_wap.audit_table("model_states") }}
set built_fingerprint = null
where unique_id in ('{{ pg_wap.published_models() | map(attribute="unique_id") | join("', '") }}');
    {%- endset -%}
    {%- set after %}
{{ pg_wap.record_release("rollback") }}
for step in select * from {{ steps }} where to_regclass(nullif(stored, '')) is not null loop
    execute format('create view %s as select * from %s', step.candidate, step.stored);
end loop;
{{ pg_wap.create_view_candidates() }}
delete from {{ steps }};
    {%- endset -%}
    {{ return("begin;\n" ~ pg_wap.swap_release(steps, "rollback_", before, after) ~ ";\ncommit") }}
{%- endmacro %}

{#- The number of the last release, if there is one before it and its tables are still there. -#}
{% macro release_to_roll_back() -%}
    {%- set releases = pg_wap.audit_table("releases") -%}
    {%- set found = run_query(
        "select release_id, rolled_back, to_char(published_at, 'YYYY-MM-DD HH24:MI:SS TZ'), row_number() over (order by release_id),"
        ~ " (select count(*) from " ~ pg_wap.audit_table("rollback_steps") ~ ")"
        ~ " from " ~ releases ~ " order by release_id desc limit 1"
    ).rows if load_relation(releases) else [] -%}
    {%- set problem = namespace(text=none) -%}
    {%- if not found -%}
        {%- set problem.text = "nothing was published yet" -%}
    {%- elif found[0][1] is not none -%}
        {%- set problem.text = "release " ~ found[0][0] ~ " took back release " ~ found[0][1] ~ " already, at " ~ found[0][2]
            ~ ", and the release before it is not kept" -%}
        {#- A rollback that was killed after its commit has left this out. -#}
        {{ pg_wap.describe_release() }}
    {%- elif found[0][3] == 1 -%}
        {%- set problem.text = "the present release is the first" -%}
    {%- elif not found[0][4] -%}
        {%- set problem.text = "the release before the present one is not kept" -%}
    {%- endif -%}
    {%- if problem.text -%}
        {{ exceptions.raise_compiler_error("there is nothing to go back to: " ~ problem.text ~ ". Nothing changed.") }}
    {%- endif -%}
    {{ return(found[0][0]) }}
{%- endmacro %}
