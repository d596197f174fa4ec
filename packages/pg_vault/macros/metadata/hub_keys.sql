{% macro hub_keys() -%}
    {%- set keys = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == "model" -%}
        {%- set vault = node.config.meta.get("vault", {}) -%}
        {%- do keys.append(vault.key) if vault.type == "hub" -%}
    {%- endfor -%}
    {{ return(keys) }}
{%- endmacro %}
