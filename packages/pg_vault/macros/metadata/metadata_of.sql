{% macro metadata_of(relation) -%}
    {{ return(pg_vault.node_of(relation).config.meta.get("vault", {}) if execute else {"key": {"any": []}}) }}
{%- endmacro %}
