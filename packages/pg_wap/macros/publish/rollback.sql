{#- A run-operation: readers see the release before the present one again. -#}
{% macro rollback() -%}
    {%- do run_query(pg_wap.create_tables()) if load_relation(pg_wap.audit_table("runs")) -%}
    {%- set release = pg_wap.release_to_roll_back() -%}
    {%- set steps = pg_wap.audit_table("rollback_steps") -%}
    {%- set before %}
for step in select * from {{ steps }} order by view loop
    execute format('drop view if exists %s cascade', step.candidate);
    execute step.rollback_prepare_sql;
end loop;
-- the models have to be built again, and how they differed is not known any more
update {{ pg_wap.audit_table("model_states") }}
set built_fingerprint = null
where unique_id in ('{{ pg_wap.published_models() | map(attribute="unique_id") | join("', '") }}');
    {%- endset -%}
    {%- set after %}
{{ pg_wap.record_release("rollback", release) }}
for step in select * from {{ steps }} where to_regclass(nullif(stored, '')) is not null loop
    execute format('create view %s as select * from %s', step.candidate, step.stored);
end loop;
{{ pg_wap.create_view_candidates() }}
delete from {{ steps }};
    {%- endset -%}
    {%- call statement("rollback", auto_begin=false) -%}
        begin;
        {{ pg_wap.swap_release(steps, "rollback_", before, after) }};
        commit
    {%- endcall -%}
    {%- do run_query(pg_wap.record_rows()) -%}
    {%- do run_query(pg_wap.comment_row_counts()) -%}
    {{ pg_wap.published() }}
{%- endmacro %}

{#- The last release, if there is one before it and its tables are still there. -#}
{% macro release_to_roll_back() -%}
    {%- set releases = pg_wap.audit_table("releases") -%}
    {%- set found = run_query(
        "select last.release_id, before_last.release_id, (select count(*) from " ~ pg_wap.audit_table("rollback_steps") ~ ")"
        ~ " from " ~ releases ~ " as last left join " ~ releases ~ " as before_last on before_last.release_id < last.release_id"
        ~ " order by last.release_id desc, before_last.release_id desc nulls last limit 1"
    ).rows if load_relation(releases) else [] -%}
    {%- set problem = namespace(text=none) -%}
    {%- if not found -%}
        {%- set problem.text = "nothing was published yet" -%}
    {%- elif not found[0][2] -%}
        {%- set problem.text = "the release before the present one is not kept" -%}
    {%- elif not found[0][1] -%}
        {%- set problem.text = "the present release is the first" -%}
    {%- endif -%}
    {%- if problem.text -%}
        {{ exceptions.raise_compiler_error("there is nothing to go back to: " ~ problem.text ~ ". Nothing changed.") }}
    {%- endif -%}
    {{ return({"taken_back": found[0][0], "back": found[0][1]}) }}
{%- endmacro %}
