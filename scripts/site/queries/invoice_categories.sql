-- The categories, as they were, of what each order sold. Without a row for a category that all products share.
with

numbered as (

    select
        invoice_number,
        row_number() over (order by date_day, invoice_number) - 1 as invoice
    from {gold}.fct_invoices

),

sold as (

    select distinct
        sales.invoice_number,
        sales.product_key
    from {gold}.fct_sales as sales
    where
        sales.line_type = 'sale'
        and exists (select from {gold}.bridge_product_category where category not in ('Unknown', 'Not categorised'))

),

final as (

    select distinct
        numbered.invoice,
        bridge.category
    from sold
    inner join numbered on sold.invoice_number = numbered.invoice_number
    inner join {gold}.bridge_product_category as bridge on sold.product_key = bridge.product_key

)

select * from final
order by category, invoice
