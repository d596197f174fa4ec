{#- As a satellite, with several members at once. A set has changed if any of its members has; then all are kept. -#}
{% macro multi_active_satellite(source, ledger) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("multi_active_satellite", ["parent", "key", "applied_at", "member"], [source]) -%}
    {%- set hash_diff = pg_vault.hash_of([vault.member] + vault.get("payload", [])) -%}
    {%- set set_place = pg_vault.place(vault, with_member=false) | join(", ") -%}
    with

    delivered as (

        {{ pg_vault.delivered_rows(vault, source, ledger, hash_diff) }}

    ),

    sets as (

        select {{ set_place }}, md5(string_agg(hash_diff::text, ' ' order by hash_diff)) as set_diff
        from delivered
        group by {{ set_place }}

    ),

    compared_sets as (select *, {{ pg_vault.is_change(vault, "set_diff") }} as is_change from sets),

    compared as (select * from delivered inner join compared_sets using ({{ set_place }}))

    {{ pg_vault.append_readings(vault, ledger) }}
{%- endmacro %}
