{#- A misspelt rule would silently check nothing, so every deviation is a compile error. -#}
{% macro rules_of(node) -%}
    {%- set rules = {} -%}
    {%- for owner in [node] + node.columns.values() | list -%}
        {%- for name, rule in (owner.config.meta.get("rules") or {}).items() -%}
            {%- if name in rules or not rule.expression or not rule.why or rule.get("severity", "warn") != "warn"
                or rule.keys() | reject("in", ["expression", "why", "severity", "owner", "threshold"]) | list -%}
                {{ exceptions.raise_compiler_error(
                    "rule '" ~ name ~ "' of '" ~ node.name ~ "' is not valid: give it a name that no other rule of the model has, an"
                    ~ " expression and a why; besides, only severity: warn, owner and threshold are known."
                ) }}
            {%- endif -%}
            {%- do rules.update({name: rule}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(rules) }}
{%- endmacro %}

{#- dbt keeps the target of a foreign key only as the text of its `ref`. -#}
{% macro references_of(node) -%}
    {%- set references = {} -%}
    {%- for column in node.columns.values() -%}
        {%- for constraint in column.constraints if constraint.type == "foreign_key" -%}
            {%- set name = modules.re.findall("^ref\\('(\\w+)'\\)$", constraint.to or "") | first -%}
            {%- if not name or not constraint.name or constraint.to_columns | length != 1 -%}
                {{ exceptions.raise_compiler_error(
                    "foreign key of '" ~ node.name ~ "." ~ column.name ~ "' is not valid: give it a name, to: ref('a model') and one"
                    ~ " column in to_columns."
                ) }}
            {%- endif -%}
            {%- set to = graph.nodes.values() | selectattr("name", "equalto", name) | first -%}
            {%- do references.update({constraint.name: {
                "column": column.name,
                "to": pg_wap.candidate_or_published(pg_wap.relation_of(to)),
                "to_column": constraint.to_columns[0],
                "grows": to.config.get("touched_by") != {},
            }}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(references) }}
{%- endmacro %}

{#- Of touched partitions, a dimension is looked up by the distinct keys: otherwise PostgreSQL looks up each row, or reads the whole dimension. -#}
{% macro referenced_keys(reference, name, are_some_partitions) -%}
    select {{ reference.to_column }} as {{ name }} from {{ reference.to }}
    {%- if are_some_partitions and reference.grows %}
    where {{ reference.to_column }} in (select given.{{ reference.column }} from given)
    {{ pg_wap.optimization_fence() }}
    {%- endif %}
{%- endmacro %}
