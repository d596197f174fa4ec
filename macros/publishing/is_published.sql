{#- All of gold, and only that: silver and history are workshops, where a build may be half way. -#}
{% macro is_published(node) -%}
    {{ return(
        node.resource_type == "model"
        and node.schema == generate_schema_name("gold", node) | trim
        and node.config.incremental_strategy in ["keyed", "partitioned", "derived"]
    ) }}
{%- endmacro %}
