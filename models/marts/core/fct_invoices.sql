{{ config(
    indexes=[{'columns': ['date_key']}],
) }}

with

-- read twice: materialized, it would be copied, and read by one core
sales as not materialized (

    select * from {{ ref('fct_sales') }}

),

invoices as (

    select
        invoice_number,
        min(date_key) as date_key,
        min(invoiced_at) as first_invoiced_at,
        max(invoiced_at) as last_invoiced_at,
        bool_or(is_cancellation) as is_cancellation,
        count(*)::integer as lines,
        coalesce(sum(quantity) filter (where line_type = 'sale'), 0) as units_sold,
        coalesce(-sum(quantity) filter (where line_type = 'return'), 0) as units_returned,
        coalesce(sum(net_amount) filter (where line_type = 'sale'), 0) as sale_amount,
        coalesce(sum(net_amount) filter (where line_type = 'return'), 0) as return_amount,
        coalesce(sum(net_amount) filter (where line_type = 'postage'), 0) as postage_amount,
        coalesce(sum(net_amount) filter (where line_type = 'discount'), 0) as discount_amount,
        coalesce(sum(net_amount) filter (where line_type = 'fee'), 0) as fee_amount,
        coalesce(sum(net_amount) filter (where line_type = 'voucher'), 0) as voucher_amount,
        coalesce(sum(net_amount) filter (where line_type = 'sample'), 0) as sample_amount,
        coalesce(sum(net_amount) filter (where line_type = 'manual'), 0) as manual_amount,
        coalesce(sum(net_amount) filter (where line_type = 'bad_debt'), 0) as bad_debt_amount,
        coalesce(sum(net_amount) filter (where line_type = 'stock_adjustment'), 0) as stock_adjustment_amount,
        coalesce(sum(net_amount) filter (where line_type = 'test'), 0) as test_amount,
        sum(net_amount) as net_amount,
        min(customer_key) as lowest_customer_key,
        max(customer_key) as highest_customer_key,
        min(country_key) as lowest_country_key,
        max(country_key) as highest_country_key
    from sales
    group by invoice_number

),

mixed_invoices as (

    select invoice_number
    from invoices
    where lowest_customer_key <> highest_customer_key or lowest_country_key <> highest_country_key

),

last_lines as (

    -- an invoice belongs to the customer and the country of the last line of its first day that names a customer, which
    -- only matters where its lines differ
    select distinct on (sales.invoice_number)
        sales.invoice_number,
        sales.customer_key,
        sales.country_key
    from sales
    inner join mixed_invoices on sales.invoice_number = mixed_invoices.invoice_number
    order by
        sales.invoice_number asc,
        sales.date_key asc,
        sales.customer_key = -1 asc,
        sales.invoiced_at desc,
        sales.line_number desc

),

final as (

    select
        {{ surrogate_key(['invoices.invoice_number']) }} as invoice_key,
        invoices.invoice_number,
        invoices.date_key,
        coalesce(last_lines.customer_key, invoices.lowest_customer_key) as customer_key,
        coalesce(last_lines.country_key, invoices.lowest_country_key) as country_key,

        invoices.first_invoiced_at,
        invoices.last_invoiced_at,
        invoices.is_cancellation,

        invoices.lines,
        invoices.units_sold,
        invoices.units_returned,
        invoices.sale_amount,
        invoices.return_amount,
        invoices.postage_amount,
        invoices.discount_amount,
        invoices.fee_amount,
        invoices.voucher_amount,
        invoices.sample_amount,
        invoices.manual_amount,
        invoices.bad_debt_amount,
        invoices.stock_adjustment_amount,
        invoices.test_amount,
        invoices.net_amount
    from invoices
    left join last_lines on invoices.invoice_number = last_lines.invoice_number

)

select * from final
