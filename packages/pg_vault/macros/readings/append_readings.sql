{#- Rows that are stored, readings that differ, and a reading of absence of each row that the source no longer has. -#}
{% macro append_readings(vault, ledger) -%}
    {%- set place = pg_vault.place(vault) -%}
    {%- set shown = place + (["hash_diff"] + pg_vault.payload(vault)) | reject("in", place) | list -%}
    {%- if not pg_vault.is_stored() %}
    select {{ shown | join(", ") }}, load_date, 0 as reading, true as is_present from compared where is_change
    {%- else %},

    stored as ({{ pg_vault.stored_rows(shown + ["load_date", "reading", "is_present"]) }}),

    last_readings as (
        select distinct on ({{ place | join(", ") }}) * from stored order by {{ place | join(", ") }}, reading desc
    )

    select * from stored
    union all
    -- a place that is stored is read again even where it is no change, because the stored value is wrong now
    select compared.{{ shown | join(", compared.") }},
        case when last_readings.reading is null then compared.load_date else {{ pg_vault.last_landing(ledger) }} end,
        coalesce(last_readings.reading + 1, 0), true
    from compared left join last_readings using ({{ place | join(", ") }})
    where case when last_readings.reading is null then compared.is_change
        else compared.hash_diff <> last_readings.hash_diff or not last_readings.is_present end
    union all
    select last_readings.{{ shown | join(", last_readings.") }}, {{ pg_vault.last_landing(ledger) }}, reading + 1, false
    from last_readings left join compared using ({{ place | join(", ") }})
    where last_readings.is_present and compared.load_date is null
    {%- endif %}
{%- endmacro %}
