{#- What had landed when a release was built: a query of one row (files, last_file_id, last_landed_at). A project gives its own by a macro
    `postgres__release_inputs`, which dbt finds in the root before it looks here. -#}
{% macro release_inputs() -%}
    {{ return(adapter.dispatch("release_inputs", "pg_wap")()) }}
{%- endmacro %}

{% macro default__release_inputs() -%}
    select null::bigint as files, null::integer as last_file_id, null::timestamptz as last_landed_at
{%- endmacro %}
