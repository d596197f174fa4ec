{#- What all checks say. A rule stands in the meta of its model or column. Two hooks of a build ask, so dbt's `graph` keeps the answer
    (`model_states`). -#}
{% macro checks_fingerprint() -%}
    {%- if "checks_fingerprint" not in graph -%}
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
        {%- do graph.update(checks_fingerprint=local_md5(said | join("\n"))) -%}
    {%- endif -%}
    {{ return(graph["checks_fingerprint"]) }}
{%- endmacro %}
