{% macro resolve_partition_column(by, state) -%}
    {%- set found = state.new_columns | selectattr("name", "equalto", by.field) | first -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error(
            "model '" ~ model["name"] ~ "' has no column '" ~ by.field ~ "', which partition_by names as its field."
        ) }}
    {%- elif found.type != by.type -%}
        {{ exceptions.raise_compiler_error(
            "model '" ~ model["name"] ~ "': column '" ~ by.field ~ "' is of type " ~ found.type ~ ", but partition_by says "
            ~ by.data_type ~ " (data_type)."
        ) }}
    {%- endif -%}
    {{ return(found.column) }}
{%- endmacro %}
