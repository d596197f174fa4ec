{% macro served_table(relation) -%}
    {{ return(api.Relation.create(
        database=relation.database, schema=relation.schema ~ "_tables", identifier=relation.identifier, type="table"
    )) }}
{%- endmacro %}
