{% macro metadata_named(name) -%}
    {%- for node in graph.nodes.values() if execute and node.resource_type == "model" and node.name == name -%}
        {{ return(node.config.meta.get("vault", {})) }}
    {%- endfor -%}
    {{ return({}) }}
{%- endmacro %}
