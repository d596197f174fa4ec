-- Units cannot be cancelled twice: only the units that the line sold, of the same product, by the same customer.
{{ config(group='finance', severity='error') }}

with

cancelled as (

    select
        sale_invoice_number,
        sale_line_number,
        customer_id,
        stock_code,
        sum(units) as units_cancelled
    from {{ ref('int_cancellations_matched') }}
    where match_type <> 'none' and {{ pg_wap.is_touched('int_cancellations_matched', 'sale_invoice_number') }}
    group by sale_invoice_number, sale_line_number, customer_id, stock_code

),

lines as (

    select * from {{ ref('int_lines_classified') }}
    where line_type = 'sale' and {{ pg_wap.is_touched('int_cancellations_matched', 'invoice_number') }}

),

final as (

    select
        cancelled.*,
        lines.quantity as units_sold
    from cancelled
    left join lines
        on cancelled.sale_invoice_number = lines.invoice_number and cancelled.sale_line_number = lines.line_number
    where
        lines.invoice_number is null
        or cancelled.units_cancelled > lines.quantity
        or cancelled.customer_id <> lines.customer_id
        or cancelled.stock_code <> lines.stock_code

)

select * from final
