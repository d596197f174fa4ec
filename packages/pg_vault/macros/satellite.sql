{#- The readings of a hub or a link: what a row of the source said, in the order of its event time. -#}
{% macro satellite(source, ledger) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("satellite", ["parent", "key", "applied_at"], [source]) -%}
    with

    delivered as (

        {{ pg_vault.delivered_rows(vault, source, ledger, pg_vault.hash_of(vault.get("payload", []))) }}

    ),

    compared as (

        select *, {{ pg_vault.is_change(vault, "hash_diff") }} as is_change
        from delivered

    )

    {{ pg_vault.append_readings(vault, ledger) }}
{%- endmacro %}
