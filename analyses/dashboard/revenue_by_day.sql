-- Finance and shop managers, each morning: what did each day of the last four weeks bring, and what did the same
-- weekday bring last year? That day is 52 weeks back, because 365 days would compare a Saturday with a Friday.
with

dates as (

    select * from {{ ref('dim_date') }}

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

this_year as (

    select
        date_day,
        sum(sale_amount) as sale_amount,
        sum(net_amount) as net_amount
    from {{ ref('daily_sales') }}
    where date_day > (select last_day.date_day from last_day) - 28
    group by date_day

),

last_year as (

    select
        date_day + 364 as date_day,
        sum(net_amount) as net_amount
    from {{ ref('daily_sales') }}
    where
        date_day > (select last_day.date_day from last_day) - 28 - 364
        and date_day <= (select last_day.date_day from last_day) - 364
    group by date_day

),

final as (

    -- Keeps days without lines: the shop may be closed on a day this year that was open last year.
    select
        dates.date_day,
        dates.weekday_name,
        dates.is_uk_bank_holiday,
        round(coalesce(this_year.sale_amount, 0), 2) as sale_amount,
        round(coalesce(this_year.net_amount, 0), 2) as net_amount,
        round(coalesce(last_year.net_amount, 0), 2) as net_amount_last_year,
        round(coalesce(this_year.net_amount, 0) - coalesce(last_year.net_amount, 0), 2) as change_amount,
        round(100 * (this_year.net_amount / nullif(last_year.net_amount, 0) - 1), 1) as change_percent
    from dates
    left join this_year on dates.date_day = this_year.date_day
    left join last_year on dates.date_day = last_year.date_day
    where
        dates.date_day > (select last_day.date_day from last_day) - 28
        and dates.date_day <= (select last_day.date_day from last_day)

)

select * from final
order by date_day
