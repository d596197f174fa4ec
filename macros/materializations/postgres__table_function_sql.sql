{#- `create or replace` refuses other columns than those that a function has had. Both statements are one transaction, so
    whoever asks meanwhile gets the old function or the new one. Views on it go with it, as with the tables that dbt
    replaces. A function that is not marked as safe keeps every query that calls it on one core. -#}
{% macro postgres__table_function_sql(target_relation) -%}
    {%- set function = target_relation.include(database=false) -%}
    drop function if exists {{ function }} cascade;

    create function {{ function }} ({{ formatted_scalar_function_args_sql() | trim }})
    returns {{ model.returns.data_type }}
    language sql
    {{ scalar_function_volatility_sql() | trim }}
    parallel {{ "safe" if config.get("volatility") in ["stable", "deterministic"] else "unsafe" }}
    as $function$
    {{ model.compiled_code }}
    $function$;
{%- endmacro %}
