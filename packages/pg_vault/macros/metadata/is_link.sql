{% macro is_link(name) -%}
    {{ return(pg_vault.metadata_named(name).get("type") == "link") }}
{%- endmacro %}
