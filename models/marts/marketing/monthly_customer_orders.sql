{{ config(
    unique_key=['customer_durable_key', 'month_start'],
    touched_by={'fct_invoice_lifecycle': 'customer_durable_key'},
    logged_columns=['customer_durable_key'],
    indexes=[{'columns': ['month_start']}],
    check_column='customer_durable_key',
) }}

with

orders as (

    select * from {{ ref('fct_invoice_lifecycle') }}
    where customer_durable_key <> -1 {{ pg_wap.only_touched('customer_durable_key', after='and') }}

),

months as (

    select
        customer_durable_key,
        {{ month_start('date_day') }} as month_start,
        count(*)::integer as orders,
        sum(lines_sold)::integer as lines_sold,
        sum(units_sold)::bigint as units_sold,
        sum(sale_amount) as sale_amount,
        sum(cancelled_amount) as cancelled_amount
    from orders
    group by customer_durable_key, {{ month_start('date_day') }}

),

since_first as (

    select
        *,
        min(month_start) over (partition by customer_durable_key) as first_month_start
    from months

),

final as (

    select
        customer_durable_key,
        month_start,

        first_month_start,
        (
            12 * (extract(year from month_start) - extract(year from first_month_start))
            + extract(month from month_start) - extract(month from first_month_start)
        )::integer as months_since_first,

        orders,
        lines_sold,
        units_sold,
        sale_amount,
        cancelled_amount
    from since_first

)

select * from final
