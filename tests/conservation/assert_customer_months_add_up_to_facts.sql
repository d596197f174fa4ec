-- Marketing reads months, not orders: months must hold the orders and the money of the facts, to the fourth decimal.
{{ config(group='marketing', severity='error') }}

with

orders as (

    select
        count(*) as orders,
        coalesce(sum(sale_amount), 0) as sale_amount,
        coalesce(sum(cancelled_amount), 0) as cancelled_amount
    from {{ ref('fct_invoice_lifecycle') }}
    where
        customer_durable_key <> -1
        and {{ pg_wap.is_touched('monthly_customer_orders', 'customer_durable_key') }}

),

order_months as (

    select
        coalesce(sum(orders), 0) as orders,
        coalesce(sum(sale_amount), 0) as sale_amount,
        coalesce(sum(cancelled_amount), 0) as cancelled_amount
    from {{ pg_wap.touched_rows(ref('monthly_customer_orders')) }}

),

customer_months as (

    select
        count(*) as customers,
        coalesce(sum(net_amount), 0) as net_amount
    from {{ ref('fct_customer_month') }}
    where {{ pg_wap.is_touched('fct_customer_month', 'date_key', column='date_key') }}

),

moves as (

    select
        coalesce(sum(customers), 0) as customers,
        coalesce(sum(net_amount), 0) as net_amount
    from {{ ref('monthly_segment_moves') }}
    where
        {{ pg_wap.is_touched(
            'fct_customer_month', "to_char(month_end, 'YYYYMMDD')::integer", column='date_key'
        ) }}

),

measures as (

    select
        measures.measure,
        measures.expected,
        measures.found
    from orders
    cross join order_months
    cross join customer_months
    cross join moves
    cross join lateral (
        values
        ('orders of monthly_customer_orders', orders.orders, order_months.orders),
        ('sale_amount of monthly_customer_orders', orders.sale_amount, order_months.sale_amount),
        ('cancelled_amount of monthly_customer_orders', orders.cancelled_amount, order_months.cancelled_amount),
        ('customers of monthly_segment_moves', customer_months.customers, moves.customers),
        ('net_amount of monthly_segment_moves', customer_months.net_amount, moves.net_amount)
    ) as measures (measure, expected, found)

),

final as (

    select *
    from measures
    where expected is distinct from found

)

select * from final
