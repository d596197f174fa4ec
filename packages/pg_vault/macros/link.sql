{#- One row per combination of hub keys, with the file that named it first. -#}
{% macro link(source, ledger) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("link", ["key", "hubs"], [source]) -%}
    {%- set shown = [vault.key] + vault.hubs.keys() | list + vault.get("dependent", []) -%}
    with

    delivered as (

        {{ pg_vault.delivered_links(vault, source) }}

    ),

    hashed as (
        select *, {{ pg_vault.link_key(vault) }} as {{ vault.key }}
            {%- for key, name in vault.hubs.items() %},
            coalesce({{ pg_vault.hash_key([name]) }}, -1) as {{ key }}
            {%- endfor %}
        from delivered
    )

    select {{ shown | join(", ") }}, {{ pg_vault.landed(ledger) }} as load_date, hashed.file_id
    from hashed left join {{ ledger }} as files on hashed.file_id = files.file_id
    {%- if pg_vault.is_stored() %}
    where not exists (select from {{ this }} as stored where stored.{{ vault.key }} = hashed.{{ vault.key }})
    union all {{ pg_vault.stored_rows(shown + ["load_date", "file_id"]) }}
    {%- endif %}
{%- endmacro %}
