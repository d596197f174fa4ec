{% macro typed_columns(table, model_name, columns) -%}
    {%- set pairs = [] -%}
    {%- if execute -%}
        {%- set source_node = graph.sources.values() | selectattr("name", "equalto", table) | first -%}
        {%- set typed = graph.nodes.values() | selectattr("name", "equalto", model_name) | map(attribute="columns") | first -%}
        {%- for name in source_node.columns if not name.startswith("_") -%}
            {%- set typed_name = columns.get(name, name) -%}
            {%- if typed_name and typed_name not in typed -%}
                {%- do exceptions.raise_compiler_error(
                    "source " ~ table ~ ": no column " ~ typed_name ~ " of " ~ model_name ~ " holds the delivered column " ~ name
                    ~ ": describe it in the YAML of the model, or give its name, or null, under `columns` of the check"
                ) -%}
            {%- endif -%}
            {%- do pairs.append((name, typed_name)) if typed_name -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(pairs) }}
{%- endmacro %}
