{#- One row per combination of hub keys, with the file that named it first. -#}
{% macro link(source, ledger) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("link", ["key", "hubs"], [source]) -%}
    {%- set named = vault.hubs.values() | list + vault.get("dependent", []) -%}
    {%- set columns = [vault.key] + vault.hubs.keys() | list + vault.get("dependent", []) + ["load_date", "file_id"] -%}
    {%- set is_stored = pg_vault.is_stored() -%}
    with

    delivered as (

        select {{ named | join(", ") }}, {{ "file_id" if "file_line" in named else "min(" ~ pg_vault.record_source(source) ~ ")" }} as file_id
        from {{ source }}
        where {{ vault.get("where", "true") }} {{ pg_vault.in_scope("source", source) }}
        {% if "file_line" not in named %}group by {{ named | join(", ") }}{% endif %}

    ),

    hashed as (
        select *, {{ pg_vault.link_key(vault) }} as {{ vault.key }}
            {%- for key, name in vault.hubs.items() %}, coalesce({{ pg_vault.hash_key([name]) }}, -1) as {{ key }}{% endfor %}
        from delivered
    )

    select {{ columns[:-2] | join(", ") }}, {{ pg_vault.landed(ledger) }} as load_date, hashed.file_id
    from hashed left join {{ ledger }} as files on hashed.file_id = files.file_id
    {%- if is_stored %}
    where not exists (select from {{ this }} as stored where stored.{{ vault.key }} = hashed.{{ vault.key }})
    union all {{ pg_vault.stored_rows(columns) }}
    {%- endif %}
{%- endmacro %}
