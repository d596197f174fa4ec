-- Finance, before the books are closed: does the last closed month have the same total by products, by invoices and
-- by days, for each line type and in all? Checks already prove that the products hold every line. An invoice that
-- spans a month end belongs to the month in which it began, so `invoices_differ_by` shows the amounts that were
-- carried over; `days_differ_by` must be 0.
with

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

months as (

    select
        ({{ month_start('date_day + 1') }} - interval '1 month')::date as first_day,
        {{ month_start('date_day + 1') }} - 1 as last_day
    from last_day

),

products as (

    select
        line_type,
        sum(lines) as lines,
        sum(net_amount) as net_amount
    from {{ ref('monthly_product_sales') }}
    where month_start = (select months.first_day from months)
    group by line_type

),

invoices as (

    select
        sum(sale_amount) as sale_amount,
        sum(return_amount) as return_amount,
        sum(postage_amount) as postage_amount,
        sum(discount_amount) as discount_amount,
        sum(fee_amount) as fee_amount,
        sum(voucher_amount) as voucher_amount,
        sum(sample_amount) as sample_amount,
        sum(manual_amount) as manual_amount,
        sum(bad_debt_amount) as bad_debt_amount,
        sum(stock_adjustment_amount) as stock_adjustment_amount,
        sum(test_amount) as test_amount
    from {{ ref('fct_invoices') }}
    where
        date_day >= (select months.first_day from months)
        and date_day <= (select months.last_day from months)

),

invoice_types as (

    select
        by_type.line_type,
        by_type.net_amount
    from invoices
    cross join lateral (
        values
        ('sale', invoices.sale_amount),
        ('return', invoices.return_amount),
        ('postage', invoices.postage_amount),
        ('discount', invoices.discount_amount),
        ('fee', invoices.fee_amount),
        ('voucher', invoices.voucher_amount),
        ('sample', invoices.sample_amount),
        ('manual', invoices.manual_amount),
        ('bad_debt', invoices.bad_debt_amount),
        ('stock_adjustment', invoices.stock_adjustment_amount),
        ('test', invoices.test_amount)
    ) as by_type (line_type, net_amount)

),

days as (

    select
        sum(sale_amount) as sale_amount,
        sum(return_amount) as return_amount,
        sum(net_amount) as net_amount
    from {{ ref('daily_sales') }}
    where
        date_day >= (select months.first_day from months)
        and date_day <= (select months.last_day from months)

),

day_types as (

    select
        by_type.line_type,
        by_type.net_amount
    from days
    cross join lateral (
        values
        ('sale', days.sale_amount),
        ('return', days.return_amount),
        ('all', days.net_amount)
    ) as by_type (line_type, net_amount)

),

by_type as (

    select
        coalesce(invoice_types.line_type, 'all') as line_type,
        coalesce(sum(products.lines), 0) as lines,
        coalesce(sum(products.net_amount), 0) as net_amount,
        coalesce(sum(invoice_types.net_amount), 0) - coalesce(sum(products.net_amount), 0) as invoices_differ_by
    from invoice_types
    left join products on invoice_types.line_type = products.line_type
    group by grouping sets ((invoice_types.line_type), ())

),

final as (

    select
        by_type.line_type,
        by_type.lines,
        by_type.net_amount,
        by_type.invoices_differ_by,
        -- Days separate sales and returns; all other line types are one sum.
        day_types.net_amount - by_type.net_amount as days_differ_by
    from by_type
    left join day_types on by_type.line_type = day_types.line_type

)

select * from final
order by line_type = 'all', line_type
