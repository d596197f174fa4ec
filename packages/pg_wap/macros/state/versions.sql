{#- The name by which dbt selects a model: `orders`, or `orders.v1` of a model that has versions. -#}
{% macro versioned_name(node) -%}
    {{ return(node.name ~ (".v" ~ node.version if node.get("version") is not none else "")) }}
{%- endmacro %}

{#- The model with a full name, and the latest version for a name without one; none if there is no such model. -#}
{% macro model_named(name) -%}
    {%- set cache = pg_wap.run_cache() -%}
    {%- if "models_by_name" not in cache -%}
        {%- set known = {} -%}
        {%- for node in graph.nodes.values() if node.resource_type == "model" -%}
            {%- do known.update({pg_wap.versioned_name(node): node}) -%}
            {%- do known.update({node.name: node}) if node.get("version") == node.get("latest_version") -%}
        {%- endfor -%}
        {%- do cache.update(models_by_name=known) -%}
    {%- endif -%}
    {{ return(cache["models_by_name"].get(name)) }}
{%- endmacro %}

{#- The query of a version that is kept for its readers, on the version that took its place: each column of its contract, by that name.

    A `published_view` of this query costs a build nothing, and shows the rows of the newer version in each release. -#}
{% macro earlier_version(newer, renamed={}, computed={}, retyped=[]) -%}
    {%- set problems = [] -%}
    {%- if execute -%}
        {%- if not model.columns -%}
            {%- do problems.append("describes no columns: list them with their data_type in its YAML") -%}
        {%- endif -%}
        {%- for name in (renamed.keys() | list + computed.keys() | list + retyped) | unique if name not in model.columns -%}
            {%- do problems.append("has no column '" ~ name ~ "' in its YAML: describe it there, or leave it out of earlier_version") -%}
        {%- endfor -%}
        {%- for name in renamed if name in computed -%}
            {%- do problems.append("renames and computes '" ~ name ~ "': do one of the two") -%}
        {%- endfor -%}
        {%- for name in retyped if name in model.columns and not model.columns[name].data_type -%}
            {%- do problems.append("has no data_type of '" ~ name ~ "' in its YAML: add the type that its readers know") -%}
        {%- endfor -%}
        {%- if problems -%}
            {{ exceptions.raise_compiler_error("model '" ~ pg_wap.versioned_name(model) ~ "' " ~ problems | join("; it ") ~ ".") }}
        {%- endif -%}
    {%- endif -%}
select
    {%- for name, column in model.columns.items() %}
    {%- set value = computed.get(name) or renamed.get(name) or name %}
    {{ "cast(" ~ value ~ " as " ~ column.data_type ~ ")" if name in retyped else value }}
    {%- if value != name or name in retyped %} as {{ name }}{% endif %}{{ "," if not loop.last }}
    {%- endfor %}
from {{ newer }}
{%- endmacro %}
