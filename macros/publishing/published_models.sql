{% macro published_models() -%}
    {%- set models = [] -%}
    {%- for node in graph.nodes.values() if is_published(node) -%}
        {%- do models.append(node) -%}
    {%- endfor -%}
    {{ return(models | sort(attribute="name")) }}
{%- endmacro %}
