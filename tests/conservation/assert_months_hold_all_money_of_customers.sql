-- Reports on months never read the lines, so both must hold the same money, to the fourth decimal.
{{ config(group='finance', severity='error') }}

with

sales as (

    select * from {{ pg_wap.touched_rows(ref('fct_sales')) }}

),

last_day as (

    select max(invoiced_on) as invoiced_on from {{ ref('int_trading_days') }}

),

closed_sales as (

    -- A month is closed when its last day has arrived.
    select coalesce(sum(sales.net_amount), 0) as sales_amount
    from sales
    cross join last_day
    where sales.customer_key <> -1 and sales.date_day < {{ month_start('last_day.invoiced_on + 1') }}

),

months as (

    select coalesce(sum(net_amount), 0) as months_amount
    from {{ ref('fct_customer_month') }}
    where {{ pg_wap.is_touched('fct_sales', 'date_key', data_type='integer') }}

),

final as (

    select
        closed_sales.sales_amount,
        months.months_amount
    from closed_sales
    cross join months
    where closed_sales.sales_amount <> months.months_amount

)

select * from final
