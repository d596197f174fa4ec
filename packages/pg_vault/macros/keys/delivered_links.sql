{#- The combinations of business keys that the source names, with their first file, which is in the key of a line. -#}
{% macro delivered_links(vault, source) -%}
    {%- set named = vault.hubs.values() | list + vault.get("dependent", []) -%}
    {%- if "file_line" in named %}
    select {{ named | join(", ") }}, file_id
    {%- else %}
    select {{ named | join(", ") }}, min({{ pg_vault.record_source(source) }}) as file_id
    {%- endif %}
    from {{ source }}
    where {{ vault.get("where", "true") }} {{ pg_vault.in_scope("source", source) }}
    {% if "file_line" not in named %}group by {{ named | join(", ") }}{% endif %}
{%- endmacro %}
