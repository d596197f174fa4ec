{#- Every gate as its YAML declares it, and the rules and references that it checks. -#}
{% macro declared_gates() -%}
    {%- set gates = [] -%}
    {%- for node in graph.nodes.values() | sort(attribute="name")
        if node.resource_type == "test" and node.package_name == project_name -%}
        {%- set gate = dict(gate_of(node), unique_id=node.unique_id, gate=node.name, kind="gate") -%}
        {%- do gates.append(gate) -%}
        {%- if (node.get("test_metadata") or {}).name == "row_rules" -%}
            {%- set model = graph.nodes[node.attached_node] -%}
            {%- set place = model.schema ~ "." ~ model.alias -%}
            {%- for name, rule in rules_of(model).items() -%}
                {%- set protects = [] -%}
                {%- for word in modules.re.findall("\\w+", rule.expression) if word in model.columns -%}
                    {%- do protects.append(place ~ "." ~ word) -%}
                {%- endfor -%}
                {%- do gates.append(dict(declared_gate(
                    name,
                    states=rule.expression,
                    reason=rule.why,
                    owner=rule.owner or gate.owner,
                    severity=rule.severity or node.config.severity | lower,
                    threshold=rule.threshold or [],
                    protects=protects,
                ), unique_id=node.unique_id, gate=node.name, kind="rule")) -%}
            {%- endfor -%}
            {%- for name, reference in references_of(model).items() -%}
                {%- do gates.append(dict(declared_gate(
                    name,
                    states=reference.column ~ " is in " ~ reference.to.identifier ~ "." ~ reference.to_column,
                    reason="What refers to a row that is not there is lost in the join.",
                    owner=gate.owner,
                    severity=node.config.severity | lower,
                    threshold=[],
                    protects=[place ~ "." ~ reference.column],
                ), unique_id=node.unique_id, gate=node.name, kind="reference")) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(gates) }}
{%- endmacro %}
