{#- A misspelt rule would silently check nothing, so every deviation is an error. -#}
{% macro problems_of_rules(node) -%}
    {%- set problems, names = [], [] -%}
    {%- for owner in [node] + node.columns.values() | list -%}
        {%- for name, rule in (owner.config.meta.get("rules") or {}).items() -%}
            {%- if name in names or not rule.expression or not rule.why or rule.get("severity", "warn") != "warn"
                or rule.keys() | reject("in", ["expression", "why", "severity", "owner", "threshold"]) | list -%}
                {%- do problems.append(
                    "rule '" ~ name ~ "' of '" ~ node.name ~ "' is not valid: give it a name that no other rule of the model has, an"
                    ~ " expression and a why; besides, only severity: warn, owner and threshold are known"
                ) -%}
            {%- endif -%}
            {%- do names.append(name) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for column in node.columns.values() -%}
        {%- for constraint in column.constraints if constraint.type == "foreign_key" -%}
            {%- if not pg_wap.referenced_model(constraint) or not constraint.name or constraint.to_columns | length != 1 -%}
                {%- do problems.append(
                    "foreign key of '" ~ node.name ~ "." ~ column.name ~ "' is not valid: give it a name, to: ref('a model') and one"
                    ~ " column in to_columns"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(problems) }}
{%- endmacro %}

{% macro assert_rules_are_valid(node) -%}
    {%- set problems = pg_wap.problems_of_rules(node) -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error(problems | join("; ") ~ ".") }}
    {%- endif -%}
{%- endmacro %}

{% macro rules_of(node) -%}
    {{ pg_wap.assert_rules_are_valid(node) }}
    {%- set rules = {} -%}
    {%- for owner in [node] + node.columns.values() | list -%}
        {%- do rules.update(owner.config.meta.get("rules") or {}) -%}
    {%- endfor -%}
    {{ return(rules) }}
{%- endmacro %}

{#- dbt keeps the target of a foreign key as the text of its `ref`; dbt 1.12, once the node is compiled, as the name of the relation. -#}
{% macro referenced_model(constraint) -%}
    {%- set name = modules.re.findall("^(?:ref\\('|.*\\.\")(\\w+)(?:'\\)|\")$", constraint.to or "") | first -%}
    {{ return(graph.nodes.values() | selectattr("name", "equalto", name) | first if name) }}
{%- endmacro %}

{% macro references_of(node) -%}
    {{ pg_wap.assert_rules_are_valid(node) }}
    {%- set references = {} -%}
    {%- for column in node.columns.values() -%}
        {%- for constraint in column.constraints if constraint.type == "foreign_key" -%}
            {%- set to = pg_wap.referenced_model(constraint) -%}
            {%- do references.update({constraint.name: {
                "column": column.name,
                "to": pg_wap.candidate_or_published(pg_wap.relation_of(to)),
                "to_column": constraint.to_columns[0],
            }}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(references) }}
{%- endmacro %}
