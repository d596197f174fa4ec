-- Marketing, weekly: how large is an order (money, lines, units) in each of the last eight weeks, and in the same
-- weeks last year? A few wholesalers pull the mean up, so the median stands beside it.
with

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

weeks as (

    select date_trunc('week', (date_day - 7 * 7)::timestamp)::date as first_day from last_day

),

orders as (

    select
        date_day,
        0 as years_ago,
        sale_amount,
        lines_sold,
        units_sold
    from {{ ref('fct_invoice_lifecycle') }}
    where
        date_day >= (select weeks.first_day from weeks)
        and date_day <= (select last_day.date_day from last_day)

    union all

    select
        date_day + 364 as date_day,
        1 as years_ago,
        sale_amount,
        lines_sold,
        units_sold
    from {{ ref('fct_invoice_lifecycle') }}
    where
        date_day >= (select weeks.first_day from weeks) - 364
        and date_day <= (select last_day.date_day from last_day) - 364

),

baskets as (

    select
        date_trunc('week', date_day::timestamp)::date as week_start,
        years_ago,
        count(*) as orders,
        avg(sale_amount) as mean_amount,
        percentile_cont(0.5) within group (order by sale_amount::double precision)::numeric as median_amount,
        avg(lines_sold) as mean_lines,
        avg(units_sold) as mean_units
    from orders
    group by date_trunc('week', date_day::timestamp), years_ago

),

final as (

    select
        week_start,
        coalesce(max(orders) filter (where years_ago = 0), 0) as orders,
        round(max(mean_amount) filter (where years_ago = 0), 2) as mean_amount,
        round(max(median_amount) filter (where years_ago = 0), 2) as median_amount,
        round(max(mean_lines) filter (where years_ago = 0), 1) as mean_lines,
        round(max(mean_units) filter (where years_ago = 0), 1) as mean_units,
        coalesce(max(orders) filter (where years_ago = 1), 0) as orders_last_year,
        round(max(mean_amount) filter (where years_ago = 1), 2) as mean_amount_last_year,
        round(max(median_amount) filter (where years_ago = 1), 2) as median_amount_last_year
    from baskets
    group by week_start

)

select * from final
order by week_start
