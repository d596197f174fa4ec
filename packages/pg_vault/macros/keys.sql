{#- 53 bits of md5, all that a double holds exactly; null if any part is. -#}
{% macro hash_key(columns) -%}
    ('x' || md5({% for column in columns %}({{ column }})::text{% if not loop.last %} || '|' || {% endif %}{% endfor %}))::bit(53)::bigint
{%- endmacro %}

{#- 128 bits as uuid, 16 bytes. The text of a row quotes its values, so no two rows have the same text. -#}
{% macro hash_of(columns) -%}
    md5(row({{ columns | join(", ") }})::text)::uuid
{%- endmacro %}

{% macro link_key(vault) -%}
    {{ pg_vault.hash_of(vault.hubs.values() | list + vault.get("dependent", []) + (["file_id"] if "file_line" in vault.get("dependent", []) else [])) }}
{%- endmacro %}

{% macro parent_key(vault) -%}
    {%- set columns = vault.key.values() | first -%}
    {{ pg_vault.link_key(pg_vault.metadata_named(vault.parent)) if pg_vault.is_link(vault.parent) else pg_vault.hash_key(columns) }}
{%- endmacro %}

{% macro payload(vault) -%}
    {{ return(([vault.member] if vault.member else []) + vault.get("payload", [])) }}
{%- endmacro %}

{#- The load date is the landing of the file. What comes in no file counts as known since the last landing. -#}
{% macro landed(ledger) -%}
    {%- set vault = model.config.meta.vault -%}
    {{ return(pg_vault.last_landing(ledger) if vault.type.endswith("satellite") and not vault.record_source else "coalesce(files.landed_at, " ~ pg_vault.last_landing(ledger) ~ ")") }}
{%- endmacro %}

{% macro last_landing(ledger) -%}
    (select max(landed_at) from {{ ledger }})
{%- endmacro %}
