-- Merchandising, weekly: which twenty products had the most money returned in this month and the two before, and
-- what share of their sales is that? A share above 100 includes returns of earlier sales.
with

products as (

    select * from {{ ref('dim_product') }}
    where is_current

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

totals as (

    select
        product_durable_key,
        sum(units_sold) as units_sold,
        sum(units_returned) as units_returned,
        coalesce(sum(net_amount) filter (where line_type = 'sale'), 0) as sale_amount,
        -sum(net_amount) filter (where line_type = 'return') as returned_amount
    from {{ ref('monthly_product_sales') }}
    where
        month_start >= (select {{ month_start('last_day.date_day') }} - interval '2 months' from last_day)
        -- Always true, but with an upper bound the planner expects few rows instead of a third of the table.
        and month_start <= (select last_day.date_day from last_day)
        and line_type in ('sale', 'return')
    group by product_durable_key
    having sum(net_amount) filter (where line_type = 'return') < 0

),

most_returned as (

    select * from totals
    order by returned_amount desc, product_durable_key asc
    limit 20

),

final as (

    select
        products.stock_code,
        products.current_description,
        most_returned.units_sold,
        most_returned.units_returned,
        round(most_returned.sale_amount, 2) as sale_amount,
        round(most_returned.returned_amount, 2) as returned_amount,
        round(100 * most_returned.returned_amount / nullif(most_returned.sale_amount, 0), 1) as return_percent
    from most_returned
    inner join products on most_returned.product_durable_key = products.product_durable_key

)

select * from final
order by returned_amount desc, stock_code asc
