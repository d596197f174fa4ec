{%- set window_days = var("offer_window_days") -%}

with

sales as (

    select * from {{ ref('fct_sales') }}
    where line_type = 'sale'

),

sale_days as (

    select distinct date_key from {{ ref('fct_sales') }}
    where line_type = 'sale'

),

products as (

    select * from {{ ref('dim_product') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

trading_days as (

    -- each day is a bit of its own in a mask of all, the last day first
    select
        date_key,
        row_number() over (order by date_key)::integer as day_number,
        set_bit(
            repeat('0', count(*) over ()::integer)::bit varying,
            row_number() over (order by date_key desc)::integer - 1,
            1
        ) as day_bit
    from sale_days

),

calendar as (

    select
        dates.date_day,
        count(trading_days.date_key) over (
            order by dates.date_day rows between unbounded preceding and 1 preceding
        )::integer as trading_days_before
    from dates
    left join trading_days on dates.date_key = trading_days.date_key
    where dates.date_day is not null

),

sold_products as (

    select
        sales.product_durable_key,
        bit_or(trading_days.day_bit) as sold_days,
        min(trading_days.day_number) as first_day_number,
        max(trading_days.day_number) as last_day_number
    from sales
    inner join trading_days on sales.date_key = trading_days.date_key
    group by sales.product_durable_key

),

versions as (

    select
        products.product_key,
        products.product_durable_key,
        sold_products.sold_days,
        greatest(sold_products.first_day_number, from_days.trading_days_before + 1) as first_day_number,
        least(
            sold_products.last_day_number + {{ window_days }} - 1,
            to_days.trading_days_before,
            length(sold_products.sold_days)
        ) as last_day_number
    from products
    inner join sold_products on products.product_durable_key = sold_products.product_durable_key
    inner join calendar as from_days on products.valid_from = from_days.date_day
    left join calendar as to_days on products.valid_to = to_days.date_day

),

version_days as (

    select
        product_key,
        product_durable_key,
        sold_days,
        generate_series(first_day_number, last_day_number) as day_number
    from versions

),

looks_back as (

    -- in a mask with the last day first, the first bit from a day on is the last sale until then
    select
        product_key,
        product_durable_key,
        day_number,
        position(
            B'1' in substring(sold_days from length(sold_days) - day_number + 1 for {{ window_days }})
        ) - 1 as days_since_sold
    from version_days
    {{ compute_once() }}

),

final as (

    select
        looks_back.product_key,
        looks_back.product_durable_key,
        trading_days.date_key,

        looks_back.days_since_sold = 0 as is_sold,

        looks_back.days_since_sold
    from looks_back
    inner join trading_days on looks_back.day_number = trading_days.day_number
    where looks_back.days_since_sold >= 0

)

select * from final
