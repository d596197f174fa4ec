{%- set min_support_percent = var("min_support_percent", 2) -%}

-- Merchandising, after each month end: which pairs of articles were on most orders of the last closed month? A pair has
-- to be on {{ min_support_percent }} percent of the orders (`--vars 'min_support_percent: 1'`), and so has each of its
-- articles: all other articles are left out first. Each article then holds its orders as bits, because a join of all
-- lines with all lines of their orders makes millions of pairs: 0.25 s of CPU instead of 7.5 s for a month of 85,000
-- lines.
with

products as (

    select * from {{ ref('dim_product') }}
    where is_current

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

months as (

    select
        ({{ month_start('date_day + 1') }} - interval '1 month')::date as first_day,
        {{ month_start('date_day + 1') }} - 1 as last_day
    from last_day

),

-- Materialized: the orders are numbered once.
orders as materialized (

    select
        invoice_number,
        (row_number() over (order by invoice_number) - 1)::integer as bit_number
    from {{ ref('fct_invoices') }}
    where
        lines_sold > 0
        and date_day >= (select months.first_day from months)
        and date_day <= (select months.last_day from months)

),

totals as materialized (

    select
        count(*) as all_orders,
        {{ min_support_percent }} / 100.0 * count(*) as min_orders,
        repeat('0', count(*)::integer)::varbit as no_orders
    from orders

),

lines as (

    select * from {{ ref('fct_sales') }}
    where line_type = 'sale' and date_day >= (select months.first_day from months)

),

sales as materialized (

    select
        lines.product_durable_key,
        orders.bit_number
    from lines
    inner join orders on lines.invoice_number = orders.invoice_number

),

frequent_products as (

    select product_durable_key
    from sales
    group by product_durable_key
    having count(distinct bit_number) >= (select totals.min_orders from totals)

),

baskets as materialized (

    select
        sales.product_durable_key,
        bit_or(set_bit(totals.no_orders, sales.bit_number, 1)) as orders
    from sales
    inner join frequent_products on sales.product_durable_key = frequent_products.product_durable_key
    cross join totals
    group by sales.product_durable_key

),

pairs as (

    select
        baskets.product_durable_key,
        other_baskets.product_durable_key as other_durable_key,
        bit_count(baskets.orders) as orders,
        bit_count(other_baskets.orders) as orders_of_other,
        bit_count(baskets.orders & other_baskets.orders) as orders_together
    from baskets
    inner join baskets as other_baskets on baskets.product_durable_key < other_baskets.product_durable_key
    where bit_count(baskets.orders & other_baskets.orders) >= (select totals.min_orders from totals)

),

final as (

    select
        mine.stock_code,
        mine.current_description,
        other_products.stock_code as other_stock_code,
        other_products.current_description as other_description,
        pairs.orders_together,
        pairs.orders,
        pairs.orders_of_other,
        round(100.0 * pairs.orders_together / totals.all_orders, 2) as support_percent,
        round(pairs.orders_together::numeric * totals.all_orders / (pairs.orders * pairs.orders_of_other), 2) as lift
    from pairs
    cross join totals
    inner join products as mine on pairs.product_durable_key = mine.product_durable_key
    inner join products as other_products on pairs.other_durable_key = other_products.product_durable_key

)

select * from final
order by orders_together desc, stock_code asc, other_stock_code asc
