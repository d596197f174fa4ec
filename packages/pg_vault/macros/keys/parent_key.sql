{% macro parent_key(vault) -%}
    {%- if pg_vault.is_link(vault.parent) -%}
        {{ pg_vault.link_key(pg_vault.metadata_named(vault.parent)) }}
    {%- else -%}
        {{ pg_vault.hash_key(vault.key.values() | first) }}
    {%- endif -%}
{%- endmacro %}
