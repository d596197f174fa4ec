-- A delivered line neither counted, nor set aside, nor superseded is lost; one that is two of them counts twice.
with

lines as (

    select * from {{ ref('int_lines_typed') }}

),

supplied as (

    select * from {{ ref('int_invoices_supplied') }}

),

counted as (

    select
        (select count(*) from {{ source('retail', 'transactions') }}) as bronze_lines,
        (select count(*) from {{ ref('int_lines_classified') }}) as silver_lines,
        (select count(*) from {{ ref('int_lines_quarantined') }}) as quarantined_lines,
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
    where bronze_lines <> silver_lines + quarantined_lines + superseded_lines

)

select * from final
