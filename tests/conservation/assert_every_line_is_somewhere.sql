-- A delivered line is in silver, in quarantine or superseded: in none of them it is lost, in two it counts twice.
{{ config(group='platform', severity='error') }}

with

-- Read twice: materialized, a full build would copy all lines.
lines as not materialized (

    select * from {{ ref('stg_retail__transactions') }}
    where {{ pg_wap.is_touched('stg_retail__landed_files', 'file_id') }}

),

supplied as (

    -- The files of an invoice are several only if they are parts of one export.
    select
        invoice_number,
        array_agg(file_id) as file_ids,
        max(file_id) as last_file_id
    from {{ ref('int_invoices_supplied') }}
    {% if pg_wap.looks_at_changes_of('stg_retail__landed_files') -%}
    -- With an array, the planner looks up invoices; without, it assumes that a file has as many lines as an archive.
    where invoice_number = any(array(select lines.invoice_number from lines))
    {%- endif %}
    group by invoice_number

),

typed as (

    select
        count(*) as typed_lines,
        count(*) filter (
            where lines.file_id < supplied.last_file_id and lines.file_id <> all(supplied.file_ids)
        ) as superseded_lines
    from lines
    left join supplied on lines.invoice_number = supplied.invoice_number

),

counted as (

    select
        typed.typed_lines,
        typed.superseded_lines,
        (
            select count(*)
            from {{ source('retail', 'transactions') }}
            where {{ pg_wap.is_touched('stg_retail__landed_files', '_file_id') }}
        ) as bronze_lines,
        (
            select count(*)
            from {{ ref('int_lines_classified') }}
            where
                {{ pg_wap.is_touched('stg_retail__landed_files', 'file_id') }}
                -- By invoice, which has an index: most lines of a replayed file are unchanged.
                and (
                    {{ pg_wap.is_touched('stg_retail__transactions', 'invoice_number', column='invoice_number') }}
                    or int_lines_classified.invoice_number = any(array(select lines.invoice_number from lines))
                )
        ) as silver_lines,
        (
            select count(*)
            from {{ ref('int_lines_quarantined') }}
            where {{ pg_wap.is_touched('stg_retail__landed_files', 'file_id') }}
        ) as quarantined_lines
    from typed

),

final as (

    select *
    from counted
    where bronze_lines <> typed_lines or bronze_lines <> silver_lines + quarantined_lines + superseded_lines

)

select * from final
