{#- A build that was complete and succeeded is where the next one starts from. Whatever else ran leaves all that it touched to be
    touched again. -#}
{% macro end_build(results) -%}
    {%- if execute and flags.WHICH in ["build", "run"] -%}
        {%- set bad, needed, tests, logs = [], [], [], [] -%}
        {%- for result in results if result.status not in ["success", "pass", "warn", "no-op"] -%}
            {%- do bad.append(result.node.unique_id) -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values() -%}
            {%- if node.resource_type in ["model", "seed", "snapshot"] -%}
                {%- do needed.append(node.unique_id) -%}
            {%- elif node.resource_type == "test" -%}
                {%- do tests.append(node.unique_id) -%}
            {%- endif -%}
            {%- if node.config.incremental_strategy == "keyed" -%}
                {%- do logs.append(changes_of(node.name)) -%}
            {%- elif node.config.incremental_strategy == "partitioned" -%}
                {%- do logs.append(touched_partitions()) if touched_partitions() not in logs -%}
            {%- endif -%}
        {%- endfor -%}
        {%- set ran = results | map(attribute="node.unique_id") | list -%}
        {%- if not bad and needed | reject("in", ran) | list | length == 0 -%}
            {%- set is_tested = flags.WHICH == "build" and tests | reject("in", ran) | list | length == 0 %}
            begin;
            update {{ delta_state() }}
            set built_fingerprint = fingerprint, is_tested = {{ is_tested }}, succeeded_at = clock_timestamp();
            truncate {{ logs | join(", ") }};
            commit;
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
