{#- A build that was complete and succeeded is where the next one starts from, and what passed all gates is published. Whatever else ran
    leaves all that it touched to be touched again. -#}
{% macro end_build(results) -%}
    {%- if execute and flags.WHICH in ["build", "run", "test"] -%}
        {%- set found = {"bad": [], "passed": [], "warned": [], "needed": [], "ran": []} -%}
        {%- for result in results -%}
            {%- do found.ran.append(result.node.unique_id) -%}
            {%- if result.status not in ["success", "pass", "warn", "no-op"] -%}
                {%- do found.bad.append(result) -%}
            {%- elif result.node.resource_type == "test" -%}
                {%- do found["passed" if result.status == "pass" else "warned"].append(result.node.name) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values() if node.resource_type in ["model", "seed", "snapshot"] -%}
            {%- do found.needed.append(node.unique_id) -%}
        {%- endfor -%}
        {%- set is_complete = not found.bad and not found.needed | reject("in", found.ran) | list -%}
        {{ audit_candidate(found, is_complete) }}
    {%- endif -%}
{%- endmacro %}
