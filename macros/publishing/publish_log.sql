{% macro publish_log() -%}
    {{ return(api.Relation.create(
        database=target.database, schema=generate_schema_name("audit", none) | trim, identifier="releases"
    )) }}
{%- endmacro %}
