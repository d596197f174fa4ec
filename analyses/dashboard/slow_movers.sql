{%- set idle_days = 10 -%}

-- Merchandising, weekly: which products are on offer on the last trading day but have not sold for {{ idle_days }}
-- trading days or more, and what did they sell in this month and the three before? fct_product_offered_day defines
-- what is on offer.
with

products as (

    select * from {{ ref('dim_product') }}
    where is_current

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

trading_days as (

    select
        date_day,
        dense_rank() over (order by date_day desc) - 1 as days_ago
    from {{ ref('daily_sales') }}
    where
        date_day >= (select {{ month_start('last_day.date_day') }} - interval '3 months' from last_day)
        and orders > 0
    group by date_day

),

last_sales as (

    select
        product_durable_key,
        max(last_line_date) as last_sale_date,
        sum(days_with_lines) as days_sold,
        sum(units_sold) as units_sold,
        sum(net_amount) as sale_amount
    from {{ ref('monthly_product_sales') }}
    where
        month_start >= (select {{ month_start('last_day.date_day') }} - interval '3 months' from last_day)
        -- Always true, but with an upper bound the planner expects few rows instead of a third of the table.
        and month_start <= (select last_day.date_day from last_day)
        and line_type = 'sale'
    group by product_durable_key

),

final as (

    select
        products.stock_code,
        products.current_description,
        products.current_category,
        products.list_price,
        last_sales.last_sale_date,
        trading_days.days_ago as days_since_sold,
        last_sales.days_sold,
        last_sales.units_sold,
        round(last_sales.sale_amount, 2) as sale_amount
    from last_sales
    inner join trading_days on last_sales.last_sale_date = trading_days.date_day
    inner join products on last_sales.product_durable_key = products.product_durable_key
    where trading_days.days_ago between {{ idle_days }} and {{ var("offer_window_days") - 1 }}

)

select * from final
order by days_since_sold desc, days_sold asc, stock_code asc
