{{ config(
    materialized='incremental',
    incremental_strategy='partitioned',
    partition_by={'field': 'date_key', 'data_type': 'integer', 'granularity': 'month'},
    partitions="select month_start, is_offer_touched from {{ ref('int_months_touched') }}",
) }}
-- depends_on: {{ ref('int_months_touched') }}
{%- set window_days = var("offer_window_days") %}

with

-- materialized, so that it is hashed: the planner expects few days and would look each up in an index, 0.4 s a month
products as materialized (

    select * from {{ ref('dim_product') }}
    where valid_from < {{ partition_end() }} and valid_to > {{ partition_start() }}

),

sale_days as (

    select
        invoiced_on,
        invoiced_on >= {{ partition_start() }} as is_of_partition,
        count(*) filter (where invoiced_on < {{ partition_start() }}) over (order by invoiced_on desc) as days_before
    from {{ ref('int_trading_days') }}
    where is_sale_day and invoiced_on < {{ partition_end() }}

),

trading_days as (

    -- those of the partition, and those before it from which an offer may still last; each is a bit of its own in a
    -- mask of all, the last day first
    select
        invoiced_on,
        is_of_partition,
        row_number() over (order by invoiced_on)::integer as day_number,
        set_bit(
            repeat('0', count(*) over ()::integer)::bit varying,
            row_number() over (order by invoiced_on desc)::integer - 1,
            1
        ) as day_bit
    from sale_days
    where days_before < {{ window_days }}

),

sales as (

    -- of silver, so that it need not wait for fct_sales
    select * from {{ ref('int_lines_classified') }}
    where
        line_type = 'sale'
        and invoiced_on >= (select min(trading_days.invoiced_on) from trading_days)
        and invoiced_on < {{ partition_end() }}

),

sold_products as (

    select
        sales.stock_code,
        bit_or(trading_days.day_bit) as sold_days,
        min(trading_days.day_number) as first_day_number,
        max(trading_days.day_number) as last_day_number
    from sales
    inner join trading_days on sales.invoiced_on = trading_days.invoiced_on
    group by sales.stock_code

),

looks_back as (

    -- in a mask with the last day first, the first bit from a day on is the last sale until then
    select
        sold_products.stock_code,
        trading_days.invoiced_on,
        position(
            B'1' in substring(
                sold_products.sold_days
                from length(sold_products.sold_days) - trading_days.day_number + 1
                for {{ window_days }}
            )
        ) - 1 as days_since_sold
    from sold_products
    inner join trading_days
        on
            sold_products.first_day_number <= trading_days.day_number
            and sold_products.last_day_number + {{ window_days }} > trading_days.day_number
    where trading_days.is_of_partition
    {{ compute_once() }}

),

final as (

    select
        products.product_key,
        products.product_durable_key,
        to_char(looks_back.invoiced_on, 'YYYYMMDD')::integer as date_key,

        looks_back.days_since_sold = 0 as is_sold,

        looks_back.days_since_sold
    from looks_back
    inner join products
        on
            looks_back.stock_code = products.stock_code
            and looks_back.invoiced_on >= products.valid_from
            and looks_back.invoiced_on < products.valid_to
    where looks_back.days_since_sold >= 0

)

select * from final
