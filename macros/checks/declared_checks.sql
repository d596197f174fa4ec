{#- Every check as its YAML declares it, and the rules and references that it checks. -#}
{% macro declared_checks() -%}
    {%- set checks = [] -%}
    {%- for node in graph.nodes.values() | sort(attribute="name")
        if node.resource_type == "test" and node.package_name == project_name -%}
        {%- set check = check_of(node) -%}
        {%- do checks.append(check) -%}
        {%- if (node.get("test_metadata") or {}).name == "row_rules" -%}
            {%- do checks.extend(declared_rules(graph.nodes[node.attached_node], check, node.config.severity | lower)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(checks) }}
{%- endmacro %}
