{#- dbt-postgres makes scalar functions only; this is how it makes a function that returns a table. In the published schema the function is
    part of the release: it is created in the candidate schema, and the published one is defined again when the release is published, if it
    differs. A function that is not marked as parallel safe keeps every query that calls it on one core. -#}
{% macro postgres__table_function_sql(target_relation) -%}
    {%- set function = target_relation.include(database=false) -%}
    {%- if not pg_wap.is_in_published_schema(model) -%}
    {{ pg_wap.redefine_function(function, model.compiled_code) }};
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

{#- Defines a function again. Its identity, its grants and the views on it stay. PostgreSQL does not replace a function that has other
    columns or arguments: it is dropped and created with its grants, which the views on it forbid. -#}
{% macro redefine_function(function, query) -%}
    {%- set signature = function ~ "(" ~ (model.arguments or []) | map(attribute="data_type") | join(", ") ~ ")" -%}
    {#- Elsewhere dbt describes it, with `persist_docs`. -#}
    {%- set description = model.description if pg_wap.is_in_published_schema(model) else "" -%}
    {%- set values = {
        "signature": signature, "definition": pg_wap.create_function(function, query, "or replace"), "description": description,
    } -%}
    {%- set statement = namespace(sql=pg_wap.redefine_function_template(this)) -%}
    {%- for name, value in values.items() -%}
        {%- set statement.sql = statement.sql.replace("{" ~ name ~ "}", "'" ~ escape_single_quotes(value) ~ "'") -%}
    {%- endfor -%}
    {{ return(statement.sql) }}
{%- endmacro %}

{#- A statement with {signature}, {definition} and {description}, which are replaced by SQL texts. -#}
{% macro redefine_function_template(relation) -%}
do $redefine$
declare
    named constant oid[] := array(
        select oid
        from pg_proc
        where
            pronamespace = to_regnamespace('{{ relation.without_identifier().include(database=false) }}')
            and proname = '{{ relation.identifier }}'
    );
    signature constant text := {signature};
    definition constant text := {definition};
    description constant text := {description};
    is_new boolean := to_regprocedure(signature) is null;
    grants text;
    dependents text;
    former record;
begin
    select
        string_agg(distinct format('revoke execute on function %s from public;', signature), '')
        || coalesce(string_agg(
            format(
                'grant execute on function %s to %s;',
                signature, case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end
            ),
            ''
        ) filter (where grantee <> proowner), '')
    into grants
    from pg_proc
    cross join lateral aclexplode(proacl)
    where oid = any(named);
    if not is_new then
        begin
            execute definition;
        exception when invalid_function_definition then
            is_new := true;
        end;
    end if;
    if is_new then
        for former in
            select oid, oid::regprocedure as signature
            from pg_proc
            where oid = any(named)
        loop
            select string_agg(
                distinct coalesce(pg_rewrite.ev_class::regclass::text, pg_describe_object(pg_depend.classid, pg_depend.objid, 0)), ', '
            )
            into dependents
            from pg_depend
            left join pg_rewrite on pg_depend.objid = pg_rewrite.oid and pg_depend.classid = 'pg_rewrite'::regclass
            where pg_depend.refclassid = 'pg_proc'::regclass and pg_depend.refobjid = former.oid;
            if dependents is not null then
                raise exception 'the function % has other columns or arguments than before, and % reads it: drop or change that, then run this again',
                    former.signature, dependents;
            end if;
            execute format('drop function %s', former.signature);
        end loop;
        execute definition;
        execute coalesce(grants, '');
    end if;
    if description <> '' then
        execute format('comment on function %s is %L', signature, description);
    end if;
end $redefine$
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
        set rollback_swap_sql = coalesce(
            (
                select
                    replace(replace(replace(
                        $template${{ pg_wap.redefine_function_template(this) }}$template$,
                        '{signature}', quote_literal(published.oid::regprocedure)),
                        '{definition}', quote_literal(pg_get_functiondef(published.oid))),
                        '{description}', quote_literal(coalesce(obj_description(published.oid, 'pg_proc'), '')))
                from ({{ named }}) as published
            ),
            $drop$drop function {{ function }}$drop$
        ) || ';'
        where unique_id = '{{ model.unique_id }}';
    {%- endset -%}
    {{ return({
        "compute": create_candidate,
        "only_if": differs,
        "stored": "",
        "prepare_sql": keep_old,
        "published_by": "",
        "swap_sql": pg_wap.redefine_function(function, query) ~ ";",
        "rollback": {"published_by": ""},
    }) }}
{%- endmacro %}
