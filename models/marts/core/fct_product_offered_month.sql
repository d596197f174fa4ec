{{ config(materialized='published_view') }}

-- A release creates its views in the order of their names, so this one comes after the view that it reads.
with

offers as (

    select * from {{ ref('fct_product_offered_day') }}

),

trading_days as (

    select * from {{ ref('dim_trading_day') }}

),

final as (

    select
        product_key,
        product_durable_key,
        date_key,

        date_day,
        is_sold,

        days_since_sold
    from offers
    -- As an array, because the planner cannot use the days of a join to choose spans: 10 s instead of 1.7 s for all months, on a
    -- busy machine.
    where date_day = any(array(select max(date_day) from trading_days group by date_key / 100))

)

select * from final
