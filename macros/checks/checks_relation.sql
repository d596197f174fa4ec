{% macro checks_relation() -%}
    {{ return(api.Relation.create(
        database=target.database, schema=generate_schema_name("audit", none) | trim, identifier="checks"
    )) }}
{%- endmacro %}
