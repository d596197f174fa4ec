-- Each invoice; an order is one with a sale line. Customers have numbers of this page in place of their
-- own: in the order of their first invoice, without a name or an account. Null is an order without an account.
with

numbered_customers as (

    select
        customer_durable_key,
        row_number() over (order by min(date_day), min(invoice_number)) as customer_number
    from {gold}.fct_invoices
    where customer_durable_key <> -1
    group by customer_durable_key

),

final as (

    select
        row_number() over (order by invoices.date_day, invoices.invoice_number) - 1 as invoice,
        invoices.date_day,
        countries.country_name,
        customers.segment,
        numbered_customers.customer_number,
        invoices.lines_sold > 0 as is_order,
        invoices.is_cancellation,
        invoices.lines_sold,
        invoices.units_sold,
        invoices.sale_amount
    from {gold}.fct_invoices as invoices
    inner join {gold}.dim_country as countries on invoices.country_key = countries.country_key
    inner join {gold}.dim_customer as customers on invoices.customer_key = customers.customer_key
    left join numbered_customers on invoices.customer_durable_key = numbered_customers.customer_durable_key

)

select * from final
order by invoice
