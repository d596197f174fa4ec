{{ config(materialized='published_view') }}

with

dates as (

    select * from {{ ref('dim_date') }}

),

sales as (

    select * from {{ ref('daily_sales') }}

),

final as (

    select date_day
    from dates
    where
        date_day between
        (select min(sales.date_day) from sales)
        and (select max(sales.date_day) from sales)

)

select * from final
