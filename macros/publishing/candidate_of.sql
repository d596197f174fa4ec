{% macro candidate_of(relation) -%}
    {{ return(api.Relation.create(
        database=relation.database, schema=relation.schema ~ "_candidate", identifier=relation.identifier, type="view"
    )) }}
{%- endmacro %}
