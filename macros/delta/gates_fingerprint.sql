{#- What all gates say. A rule stands in the meta of its model or column. Two hooks of a build ask, so dbt's `graph` keeps the answer
    (`model_states`). -#}
{% macro gates_fingerprint() -%}
    {%- if "gates_fingerprint" not in graph -%}
        {%- set said = [] -%}
        {%- for node in graph.nodes.values() | sort(attribute="unique_id") -%}
            {%- if node.resource_type == "test" -%}
                {%- do said.extend([node.unique_id, node.raw_code, node.test_metadata | string]) -%}
                {%- do said.extend([node.description, node.group, node.config | string]) -%}
                {%- do said.extend(macros_used(node.depends_on.macros)) -%}
                {%- for name in node.config.meta.get("threshold") or [] -%}
                    {%- do said.append(name ~ "=" ~ var(name, none)) -%}
                {%- endfor -%}
            {%- elif node.resource_type == "model" -%}
                {%- do said.append(node.config.meta | string) -%}
                {%- for column in node.columns.values() if column.meta -%}
                    {%- do said.append(column.meta | string) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do graph.update(gates_fingerprint=local_md5(said | join("\n"))) -%}
    {%- endif -%}
    {{ return(graph["gates_fingerprint"]) }}
{%- endmacro %}
