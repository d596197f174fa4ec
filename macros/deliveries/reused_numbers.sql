{#- Days as an integer, or none. -#}
{% macro reused_after_days() -%}
    {%- set rule = landing_rule("transactions", "invoice_numbers", {}) -%}
    {{ return(rule.reused_after.split(" ")[0] | int if rule.reused_after else none) }}
{%- endmacro %}

{% macro printed_number(invoice_number) -%}
    regexp_replace({{ invoice_number }}, '~[0-9]+$', '')
{%- endmacro %}

{#- A line of another file may split the lines of a number, or join them. Another file may hold none of them itself. -#}
{% macro files_of_touched_numbers() -%}
    {%- if reused_after_days() %}
    union
    select lines.file_id
    from {{ this }} as lines
    where {{ printed_number('lines.invoice_number') }} in (
        select {{ printed_number('known_lines.invoice_number') }}
        from {{ this }} as known_lines
        inner join {{ pg_wap.changes_of('stg_retail__landed_files') }} as files on known_lines.file_id = files.file_id
        union all
        select upper({{ clean_text('delivered_lines.invoice') }})
        from {{ source('retail', 'transactions') }} as delivered_lines
        inner join {{ pg_wap.changes_of('stg_retail__landed_files') }} as files on delivered_lines._file_id = files.file_id
    )
    {%- endif %}
{%- endmacro %}

{% macro uses_of_numbers(lines) -%}
    with

    days_of_numbers as (

        select
            invoice_number,
            invoiced_at::date as invoiced_on
        from {{ lines }}
        where invoiced_at is not null
        {%- if pg_wap.is_delta() %}

        union

        -- The lines of untouched files.
        select
            {{ printed_number('invoice_number') }} as invoice_number,
            invoiced_at::date as invoiced_on
        from {{ this }}
        where invoiced_at is not null and file_id <> all(array(select file_id from {{ pg_wap.touched_keys() }}))
        {%- endif %}

    ),

    gaps as (

        select
            invoice_number,
            invoiced_on,
            invoiced_on - lag(invoiced_on) over (partition by invoice_number order by invoiced_on) as days_unused
        from days_of_numbers
        group by invoice_number, invoiced_on

    )

    select
        invoice_number,
        invoiced_on,
        1 + count(*) filter (where days_unused > {{ reused_after_days() }})
            over (partition by invoice_number order by invoiced_on) as place
    from gaps
{%- endmacro %}

{% macro with_numbers_told_apart(lines) -%}
    {%- if reused_after_days() is none -%}
        select
            *,
            invoice_number as told_apart_number
        from {{ lines }}
    {%- else -%}
        -- The first use keeps the number as it is printed.
        select
            lines.*,
            lines.invoice_number || case when uses.place > 1 then '~' || uses.place else '' end as told_apart_number
        from {{ lines }} as lines
        left join ({{ uses_of_numbers(lines) }}) as uses
            on lines.invoice_number = uses.invoice_number and lines.invoiced_at::date = uses.invoiced_on
    {%- endif -%}
{%- endmacro %}
