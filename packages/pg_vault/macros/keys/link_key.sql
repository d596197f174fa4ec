{#- A line is known by its place in a file. -#}
{% macro link_key(vault) -%}
    {%- set dependent = vault.get("dependent", []) -%}
    {{ pg_vault.hash_of(vault.hubs.values() | list + dependent + (["file_id"] if "file_line" in dependent else [])) }}
{%- endmacro %}
