{#- One row per business key, with the file that named it first. -#}
{% macro hub(sources, ledger) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("hub", ["key", "business_key"], sources) -%}
    {%- set columns = ([vault.key, vault.business_key, "load_date", "file_id"]) | unique | list -%}
    {%- set is_stored = pg_vault.is_stored() -%}
    with

    delivered as (

        {%- for source in sources %}
        select {{ pg_vault.column_in(source, vault.business_key) }} as {{ vault.business_key }}, {{ pg_vault.record_source(source) }} as first_file_id
        from {{ source }}
        where {{ pg_vault.column_in(source, vault.business_key) }} is not null {{ pg_vault.in_scope("source", source) }}
        {%- if not loop.last %} union all {%- endif %}
        {%- endfor %}

    ),

    first_seen as (select {{ vault.business_key }}, min(first_file_id) as first_file_id from delivered group by {{ vault.business_key }})

    select {{ pg_vault.hash_key(["first_seen." ~ vault.business_key]) }} as {{ vault.key }}, first_seen.{{ vault.business_key }},
        {{ pg_vault.landed(ledger) }} as load_date{% if vault.business_key != "file_id" %}, first_seen.first_file_id as file_id{% endif %}
    from first_seen
    left join {{ ledger }} as files on first_seen.first_file_id = files.file_id
    {%- if is_stored %}
    where not exists (select from {{ this }} as stored where stored.{{ vault.key }} = {{ pg_vault.hash_key(["first_seen." ~ vault.business_key]) }})
    union all
    {{ pg_vault.stored_rows(columns) }}
    {%- endif %}
{%- endmacro %}
