{% macro logs_of_changes() -%}
    {%- set logs = [] -%}
    {%- for node in graph.nodes.values() -%}
        {%- if node.config.incremental_strategy == "keyed" -%}
            {%- do logs.append(changes_of(node.name)) -%}
        {%- elif node.config.incremental_strategy == "partitioned" -%}
            {%- do logs.append(touched_partitions()) if touched_partitions() not in logs -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(logs) }}
{%- endmacro %}
