{#- dbt knows what a foreign key leads to by the text of its `ref` only. -#}
{% macro references_of(node) -%}
    {%- set references = {} -%}
    {%- for column in node.columns.values() -%}
        {%- for constraint in column.constraints if constraint.type == "foreign_key" -%}
            {%- set name = modules.re.findall("^ref\\('(\\w+)'\\)$", constraint.to or "") | first -%}
            {%- if not name or not constraint.name or constraint.to_columns | length != 1 -%}
                {{ exceptions.raise_compiler_error(
                    "foreign key of '" ~ node.name ~ "." ~ column.name ~ "' must have a name, to: ref('a model') and one of"
                    ~ " to_columns."
                ) }}
            {%- endif -%}
            {%- set to = graph.nodes["model." ~ project_name ~ "." ~ name] -%}
            {%- do references.update({constraint.name: {
                "column": column.name,
                "to": as_built(api.Relation.create(database=to.database, schema=to.schema, identifier=to.alias)),
                "to_column": constraint.to_columns[0],
                "grows": to.config.get("touched") != "nothing",
            }}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(references) }}
{%- endmacro %}
