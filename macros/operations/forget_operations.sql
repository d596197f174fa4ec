{#- A view on the history of runs that was not built keeps nobody waiting, but is not of the code that it has now, either: the next build
    makes it. -#}
{% macro forget_operations(results) -%}
    {%- set built, missing = [], [] -%}
    {%- for result in results if result.status == "success" -%}
        {%- do built.append(result.node.unique_id) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == "model" and is_operational(node) and node.unique_id not in built -%}
        {%- do missing.append(node.unique_id) -%}
    {%- endfor -%}
    {%- if missing -%}
        {%- do run_query(
            "update " ~ delta_state() ~ " set fingerprint = '' where unique_id in ('" ~ missing | join("', '") ~ "')"
        ) -%}
    {%- endif -%}
{%- endmacro %}
