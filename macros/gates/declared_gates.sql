{#- Every gate as its YAML declares it, and the rules and references that it checks. -#}
{% macro declared_gates() -%}
    {%- set gates = [] -%}
    {%- for node in graph.nodes.values() | sort(attribute="name")
        if node.resource_type == "test" and node.package_name == project_name -%}
        {%- set gate = gate_of(node) -%}
        {%- do gates.append(gate) -%}
        {%- if (node.get("test_metadata") or {}).name == "row_rules" -%}
            {%- do gates.extend(declared_rules(graph.nodes[node.attached_node], gate, node.config.severity | lower)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(gates) }}
{%- endmacro %}
