{#- The log is apart from the model, in the schema that nobody reports from. -#}
{% macro changes_of(model_name) -%}
    {{ return(api.Relation.create(
        database=target.database,
        schema=generate_schema_name("audit", none) | trim,
        identifier=(model_name[:54] ~ "__changes")
    )) }}
{%- endmacro %}
