{% macro node_of(relation) -%}
    {%- for node in graph.nodes.values() if execute and node.resource_type in ["model", "seed", "snapshot"] -%}
        {{ return(node) if node.alias == relation.identifier }}
    {%- endfor -%}
    {{ return({}) }}
{%- endmacro %}
