{#- A build that was complete and succeeded is where the next one starts from, and what passed all checks is published. Whatever else ran
    leaves all that it touched to be touched again. -#}
{% macro end_build(results) -%}
    {%- if execute and flags.WHICH in ["build", "run", "test"] -%}
        {%- set found = {"bad": [], "passed": [], "warned": [], "needed": [], "ran": []} -%}
        {%- for result in failures_of(results) if not is_operational(result.node) -%}
            {%- do found.bad.append(result) -%}
        {%- endfor -%}
        {%- for result in results -%}
            {%- do found.ran.append(result.node.unique_id) -%}
            {%- if result.node.resource_type == "test" and result.status in ["pass", "warn"] -%}
                {%- do found["passed" if result.status == "pass" else "warned"].append(result.node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values() if node.resource_type in ["model", "seed", "snapshot"] and not is_operational(node) -%}
            {%- do found.needed.append(node.unique_id) -%}
        {%- endfor -%}
        {%- set is_complete = not found.bad and not found.needed | reject("in", found.ran) | list -%}
        {{ forget_operations(results) if is_complete }}
        {{ audit_candidate(found, is_complete) }}
    {%- endif -%}
{%- endmacro %}
