{% macro run_log() -%}
    {{ return(api.Relation.create(
        database=target.database, schema=generate_schema_name("audit", none) | trim, identifier="runs"
    )) }}
{%- endmacro %}
