{#- One row per business key, with the file that named it first. -#}
{% macro hub(sources, ledger) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("hub", ["key", "business_key"], sources) -%}
    {%- set name, key = vault.business_key, pg_vault.hash_key(["first_seen." ~ vault.business_key]) -%}
    with

    delivered as (

        {{ pg_vault.delivered_keys(vault, sources) }}

    ),

    first_seen as (select {{ name }}, min(first_file_id) as first_file_id from delivered group by {{ name }})

    select {{ key }} as {{ vault.key }}, first_seen.{{ name }}, {{ pg_vault.landed(ledger) }} as load_date
        {%- if name != "file_id" %}, first_seen.first_file_id as file_id{% endif %}
    from first_seen
    left join {{ ledger }} as files on first_seen.first_file_id = files.file_id
    {%- if pg_vault.is_stored() %}
    where not exists (select from {{ this }} as stored where stored.{{ vault.key }} = {{ key }})
    union all
    {{ pg_vault.stored_rows([vault.key, name, "load_date", "file_id"] | unique | list) }}
    {%- endif %}
{%- endmacro %}
