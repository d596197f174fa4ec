{#- Whoever looks at runs must not keep gold from being published. Of unit tests, dbt knows the folder only by their file. -#}
{% macro is_operational(node) -%}
    {{ return(node.original_file_path.startswith("models/operations/")) }}
{%- endmacro %}
