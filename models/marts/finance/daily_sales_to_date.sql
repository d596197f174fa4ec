{{ config(materialized='published_view') }}

with

sales as (

    select * from {{ ref('daily_sales') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

days as (

    select
        dates.date_key,
        dates.date_day
    from {{ ref('metric_days') }}
    inner join dates using (date_day)

),

countries as (

    select distinct country_key from sales

),

country_days as (

    -- A country without a line on a day still has the sales of the days before.
    select
        days.date_key,
        days.date_day,
        countries.country_key,
        coalesce(sales.sale_amount + sales.return_amount, 0.0000) as kept_amount
    from days
    cross join countries
    left join sales on days.date_day = sales.date_day and countries.country_key = sales.country_key

),

final as (

    select
        date_key,
        country_key,
        date_day,

        kept_amount,
        sum(kept_amount) over (
            partition by country_key
            order by date_day
            rows between 27 preceding and current row
        ) as kept_amount_28_days,
        sum(kept_amount) over (
            partition by country_key, date_trunc('month', date_day::timestamp)
            order by date_day
        ) as kept_amount_month_to_date,
        sum(kept_amount) over (
            partition by country_key, extract(year from date_day)
            order by date_day
        ) as kept_amount_year_to_date
    from country_days

)

select * from final
