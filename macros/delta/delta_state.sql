{% macro delta_state() -%}
    {{ return(api.Relation.create(
        database=target.database, schema=generate_schema_name("audit", none) | trim, identifier="delta_models"
    )) }}
{%- endmacro %}
