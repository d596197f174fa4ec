-- A delivered line neither counted, nor set aside, nor superseded is lost; one that is two of them counts twice.
with

lines as (

    select * from {{ ref('stg_retail__transactions') }}
    where {{ is_touched('stg_retail__landed_files', 'file_id') }}

),

supplied as (

    select * from {{ ref('int_invoices_supplied') }}

),

counted as (

    select
        (
            select count(*)
            from {{ source('retail', 'transactions') }}
            where {{ is_touched('stg_retail__landed_files', '_file_id') }}
        ) as bronze_lines,
        (select count(*) from lines) as typed_lines,
        (
            select count(*)
            from {{ ref('int_lines_classified') }}
            where
                {{ is_touched('stg_retail__transactions', 'invoice_number', column='invoice_number') }}
                and {{ is_touched('stg_retail__landed_files', 'file_id') }}
        ) as silver_lines,
        (
            select count(*)
            from {{ ref('int_lines_quarantined') }}
            where {{ is_touched('stg_retail__landed_files', 'file_id') }}
        ) as quarantined_lines,
        (
            select count(*)
            from lines
            inner join supplied on lines.invoice_number = supplied.invoice_number
            where lines.file_id < supplied.file_id
        ) as superseded_lines

),

final as (

    select *
    from counted
    where bronze_lines <> typed_lines or bronze_lines <> silver_lines + quarantined_lines + superseded_lines

)

select * from final
