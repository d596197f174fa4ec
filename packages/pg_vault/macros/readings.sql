{#- The rows of a satellite that count now, or counted at a load date: of each place, the last reading, unless it was withdrawn.

    Almost all rows are first readings, so what a later one replaced is looked up among the few later ones. -#}
{% macro current_readings(satellite, at=none) -%}
    {{- return(satellite) if not execute -}}
    {%- set vault = pg_vault.metadata_of(satellite) -%}
    (
        select readings.*
        from {{ satellite }} as readings
        where readings.is_present {% if at %}and readings.load_date <= {{ at }}{% endif %}
            and not exists (
                select from {{ satellite }} as later
                where later.reading > 0 and later.reading > readings.reading {% if at %}and later.load_date <= {{ at }}{% endif %}
                {%- for column in pg_vault.place(vault) %} and later.{{ column }} = readings.{{ column }}{% endfor %}
            )
    )
{%- endmacro %}

{#- What identifies a row of the source: its key and event time and, if it came in a file, its place there. -#}
{% macro place(vault, with_member=true) -%}
    {{ return(
        [vault.key.keys() | first, "applied_at"] + (["file_id", "file_line"] if vault.record_source else [])
        + ([vault.member] if with_member and vault.member else [])
    ) }}
{%- endmacro %}

{#- The event time orders changes; the ledger of landed files orders what happened at one time. -#}
{% macro is_change(vault, difference) -%}
    {%- if not vault.get("changes_only", true) -%}
        {{ return("true") }}
    {%- endif -%}
    {%- set place = pg_vault.place(vault, with_member=false) -%}
    coalesce({{ difference }} <> lag({{ difference }}) over (partition by {{ place[0] }} order by {{ place[1:] | join(", ") }}), true)
{%- endmacro %}

{% macro delivered_rows(vault, source, ledger, hash_diff) -%}
    {%- set expressions = vault.key.values() | first -%}
    select {{ pg_vault.parent_key(vault) }} as {{ vault.key.keys() | first }}, {{ vault.applied_at }} as applied_at,
        {{ pg_vault.landed(ledger) }} as load_date
        {%- if vault.record_source %}, source.file_id, source.file_line{% endif %}, {{ hash_diff }} as hash_diff
        {%- for column in pg_vault.payload(vault) %}, source.{{ column }}{% endfor %}
    from {{ source }} as source
    {%- if vault.record_source %}
    left join {{ ledger }} as files using (file_id)
    {%- endif %}
    where {{ vault.get("where", "true") }} {{ pg_vault.in_scope("source", source) }}
    {%- for column in expressions if not pg_vault.is_link(vault.parent) %} and {{ column }} is not null{% endfor %}
{%- endmacro %}

{#- Rows that are stored, readings that differ from them, and a reading of absence for each row that the source no longer has. -#}
{% macro append_readings(vault, ledger) -%}
    {%- set place = pg_vault.place(vault) -%}
    {%- set shown = place + (["hash_diff"] + pg_vault.payload(vault)) | reject("in", place) | list -%}
    {%- if not pg_vault.is_stored() %}
    select {{ shown | join(", ") }}, load_date, 0 as reading, true as is_present from compared where is_change
    {%- else %},

    stored as ({{ pg_vault.stored_rows(shown + ["load_date", "reading", "is_present"]) }}),

    last_readings as (select distinct on ({{ place | join(", ") }}) * from stored order by {{ place | join(", ") }}, reading desc)

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
    select last_readings.{{ shown | join(", last_readings.") }}, {{ pg_vault.last_landing(ledger) }}, last_readings.reading + 1, false
    from last_readings left join compared using ({{ place | join(", ") }})
    where last_readings.is_present and compared.load_date is null
    {%- endif %}
{%- endmacro %}
