{% macro touched_rows(relation) -%}
    {%- set found = namespace(node=none) -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == "model" and node.alias == relation.identifier
            and relation.schema in [node.schema, candidate_of(this.incorporate(path={"schema": node.schema})).schema]
            and (node.config.get("changes") or node.config.get("partition_by")) -%}
            {%- set found.node = node -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set condition = "true" -%}
    {%- if found.node -%}
        {%- set field = (found.node.config.get("partition_by") or {}).field or found.node.config.changes[0] -%}
        {%- set condition = is_touched(found.node.name, field) -%}
    {%- endif -%}
    {{ return(relation if condition == "true" else "(select * from " ~ relation ~ " where " ~ condition ~ ") as touched_rows") }}
{%- endmacro %}
