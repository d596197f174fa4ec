{% macro assert_buildable(relation, touched, state, decisions) -%}
    {%- set name = relation.schema ~ "." ~ relation.identifier -%}
    {%- if decisions.is_new and not decisions.is_full -%}
        {{ exceptions.raise_compiler_error(
            name ~ " has another key, granularity or other columns than its model: build it with --full-refresh."
        ) }}
    {%- endif -%}
    {%- for partition in touched if partition.name in state.strangers -%}
        {{ exceptions.raise_compiler_error(
            partition.relation.schema ~ "." ~ partition.name ~ " is in the way, as it is no partition of " ~ name
            ~ ": rename or drop it."
        ) }}
    {%- endfor -%}
{%- endmacro %}
