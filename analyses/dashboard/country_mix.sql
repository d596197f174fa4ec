-- Finance, weekly: which countries did the money of the last 365 days come from, what is the share of each country,
-- and how did the share change against the 365 days before?
with

countries as (

    select * from {{ ref('dim_country') }}

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

totals as (

    select
        country_key,
        coalesce(sum(net_amount) filter (where date_day > (select last_day.date_day from last_day) - 365), 0)
            as net_amount,
        coalesce(sum(net_amount) filter (where date_day <= (select last_day.date_day from last_day) - 365), 0)
            as net_amount_before
    from {{ ref('daily_sales') }}
    where date_day > (select last_day.date_day from last_day) - 2 * 365
    group by country_key

),

final as (

    select
        countries.country_name,
        countries.region,
        round(totals.net_amount, 2) as net_amount,
        round(100 * totals.net_amount / nullif(sum(totals.net_amount) over (), 0), 2) as share_percent,
        round(totals.net_amount_before, 2) as net_amount_before,
        round(100 * totals.net_amount_before / nullif(sum(totals.net_amount_before) over (), 0), 2)
            as share_percent_before,
        round(100 * (totals.net_amount / nullif(totals.net_amount_before, 0) - 1), 1) as change_percent
    from totals
    inner join countries on totals.country_key = countries.country_key

)

select * from final
order by net_amount desc, country_name asc
