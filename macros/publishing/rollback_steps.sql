{% macro rollback_steps() -%}
    {{ return(api.Relation.create(
        database=target.database, schema=generate_schema_name("audit", none) | trim, identifier="rollback_steps"
    )) }}
{%- endmacro %}
