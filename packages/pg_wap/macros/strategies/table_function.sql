{#- dbt-postgres makes scalar functions only; this is how it makes a function that returns a table. In the published schema the function is
    part of the release: it is created in the candidate schema, and takes the place of the old one when the release is published.

    PostgreSQL refuses `create or replace` where the columns change; then the function is dropped with the views on it, as with tables that
    dbt replaces. A function that is not marked as parallel safe keeps every query that calls it on one core. -#}
{% macro postgres__table_function_sql(target_relation) -%}
    {%- set function = target_relation.include(database=false) -%}
    {%- if not pg_wap.is_in_published_schema(model) -%}
    {{ pg_wap.replace_function(function, model.compiled_code) }}
    {%- else -%}
    {{ pg_wap.write_change(pg_wap.change_function(function)) }}
    {%- endif -%}
{%- endmacro %}

{% macro create_function(function, query, or_replace="") -%}
create {{ or_replace }} function {{ function }} ({{ formatted_scalar_function_args_sql() | trim }})
returns {{ model.returns.data_type }}
language sql
{{ scalar_function_volatility_sql() | trim }}
parallel {{ "safe" if config.get("volatility") in ["stable", "deterministic"] else "unsafe" }}
as $function${{ query }}$function$
{%- endmacro %}

{% macro replace_function(function, query) -%}
do $replace$
begin
    {{ pg_wap.create_function(function, query, "or replace") }};
exception when invalid_function_definition then
    drop function {{ function }} cascade;
    {{ pg_wap.create_function(function, query) }};
end $replace$;
{%- endmacro %}

{#- Only a function that differs is part of the release: a build that changes nothing publishes nothing. -#}
{% macro change_function(function) -%}
    {%- set candidate = pg_wap.candidate_of(this).include(database=false) -%}
    {%- set query = pg_wap.published_text() -%}
    {%- set named -%}
        select pg_proc.* from pg_proc where pronamespace = to_regnamespace('{{ this.schema }}') and proname = '{{ this.identifier }}'
    {%- endset -%}
    {%- set create_candidate -%}
        {{ pg_wap.create_function(candidate, model.compiled_code, "or replace") }};
    {%- endset -%}
    {%- set differs -%}
        not exists (
            select
            from ({{ named }}) as published
            inner join pg_proc as built on built.pronamespace = to_regnamespace('{{ pg_wap.candidate_of(this).schema }}')
            where
                built.proname = published.proname
                and published.prosrc = $body${{ query }}$body$
                and pg_get_function_arguments(built.oid) = pg_get_function_arguments(published.oid)
                and pg_get_function_result(built.oid) = pg_get_function_result(published.oid)
                and (built.provolatile, built.proparallel) = (published.provolatile, published.proparallel)
                and coalesce(obj_description(published.oid, 'pg_proc'), '') = '{{ escape_single_quotes(model.description) }}'
        )
    {%- endset -%}
    {%- set keep_old -%}
        update {{ pg_wap.audit_table("rollback_steps") }}
        set rollback_swap_sql = 'drop function if exists {{ function }} cascade;' || coalesce((
            select string_agg(
                pg_get_functiondef(published.oid)
                || format('; comment on function %s is %L;', published.oid::regprocedure, obj_description(published.oid, 'pg_proc')),
                ''
            )
            from ({{ named }}) as published
        ), '')
        where unique_id = '{{ model.unique_id }}';
    {%- endset -%}
    {{ return({
        "compute": create_candidate,
        "only_if": differs,
        "stored": "",
        "prepare_sql": keep_old,
        "published_by": "",
        "swap_sql": pg_wap.replace_function(function, query) ~ "\ncomment on function " ~ function ~ " is '"
            ~ escape_single_quotes(model.description) ~ "';",
        "rollback": {"published_by": ""},
    }) }}
{%- endmacro %}
