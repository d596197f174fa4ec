{% macro payload(vault) -%}
    {{ return(([vault.member] if vault.member else []) + vault.get("payload", [])) }}
{%- endmacro %}
