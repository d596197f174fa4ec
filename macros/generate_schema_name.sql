{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set relations = ["model", "seed", "snapshot", "function"] -%}
    {%- if custom_schema_name is none and node.resource_type in relations -%}
        {{ exceptions.raise_compiler_error(
            node.resource_type ~ " '" ~ node.name ~ "' (" ~ node.original_file_path ~ ") has no layer: put it into a"
            ~ " folder to which dbt_project.yml gives a +schema (silver, history, gold or audit)."
        ) }}
    {%- elif custom_schema_name is none -%}
        {{ target.schema }}
    {%- elif target.name in ["local", "prod"] -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ target.schema }}_{{ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
