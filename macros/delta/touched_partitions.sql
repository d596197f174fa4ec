{% macro touched_partitions() -%}
    {{ return(api.Relation.create(
        database=target.database, schema=generate_schema_name("audit", none) | trim, identifier="touched_partitions"
    )) }}
{%- endmacro %}
