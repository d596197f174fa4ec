{#- Each layer of this project is a schema, and each dbt package has a schema of its own, unless `dbt_project.yml` gives it another one. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set relations = ["model", "seed", "snapshot", "function"] -%}
    {%- set schema = custom_schema_name -%}
    {%- if schema is none and node.resource_type in relations and node.package_name != project_name -%}
        {%- set schema = node.package_name -%}
    {%- elif schema is none and node.resource_type in relations -%}
        {{ exceptions.raise_compiler_error(
            node.resource_type ~ " '" ~ node.name ~ "' (" ~ node.original_file_path ~ ") has no layer: put it into a"
            ~ " folder to which dbt_project.yml gives a +schema (silver, history, profiles, gold or audit)."
        ) }}
    {%- endif -%}
    {%- if schema is none -%}
        {{ target.schema }}
    {%- elif target.name in var("pg_wap_protected_targets") -%}
        {{ schema | trim }}
    {#- The prefix is part of many statements. scripts/connection.py has the same pattern. -#}
    {%- elif not modules.re.fullmatch("[a-z_][a-z0-9_]{0,39}", target.schema) -%}
        {{ exceptions.raise_compiler_error(
            "the schema `" ~ target.schema ~ "` of target '" ~ target.name ~ "' is no prefix for schemas: set DBT_SCHEMA to 1"
            ~ " to 40 lower case letters, digits and underscores, with no digit first."
        ) }}
    {%- else -%}
        {{ target.schema }}_{{ schema | trim }}
    {%- endif -%}
{%- endmacro %}
