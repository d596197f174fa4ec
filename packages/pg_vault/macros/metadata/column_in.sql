{#- A hub with several sources may find its business key under another name in one of them:
    `named_in: {countries: country_name}`. -#}
{% macro column_in(source, column) -%}
    {{ return((model.config.meta.vault.named_in or {}).get(source.identifier, column)) }}
{%- endmacro %}
