-- The board, at any time: how do day, week, month, quarter and fiscal year to date compare with the same part of last
-- year?
with

dates as (

    select * from {{ ref('dim_date') }}

),

daily_sales as (

    select * from {{ ref('daily_sales') }}

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

latest as (

    select
        date_day,
        week_start,
        month_start,
        (month_start - make_interval(months => (fiscal_month - 1) % 3))::date as fiscal_quarter_start,
        (month_start - make_interval(months => fiscal_month - 1))::date as fiscal_year_start
    from dates
    where date_day = (select last_day.date_day from last_day)

),

periods as (

    select
        first_days.period_number,
        first_days.period,
        first_days.first_day,
        latest.date_day as last_day
    from latest
    cross join lateral (
        values
        (1, 'day', latest.date_day),
        (2, 'week', latest.week_start),
        (3, 'month', latest.month_start),
        (4, 'fiscal quarter', latest.fiscal_quarter_start),
        (5, 'fiscal year', latest.fiscal_year_start)
    ) as first_days (period_number, period, first_day)

),

spans as (

    -- Days and weeks are compared with the same weekdays, other periods with the same days of the month.
    select
        period_number,
        period,
        0 as years_ago,
        first_day,
        last_day
    from periods

    union all

    select
        period_number,
        period,
        1 as years_ago,
        case when period_number <= 2 then first_day - 364 else (first_day - interval '1 year')::date end as first_day,
        case when period_number <= 2 then last_day - 364 else (last_day - interval '1 year')::date end as last_day
    from periods

),

totals as (

    select
        spans.period_number,
        spans.period,
        spans.years_ago,
        spans.first_day,
        sum(daily_sales.sale_amount) as sale_amount,
        sum(daily_sales.net_amount) as net_amount
    from spans
    left join daily_sales on daily_sales.date_day between spans.first_day and spans.last_day
    group by spans.period_number, spans.period, spans.years_ago, spans.first_day

),

this_year as (

    select * from totals
    where years_ago = 0

),

last_year as (

    select * from totals
    where years_ago = 1

),

final as (

    select
        this_year.period,
        this_year.first_day,
        round(coalesce(this_year.sale_amount, 0), 2) as sale_amount,
        round(coalesce(this_year.net_amount, 0), 2) as net_amount,
        round(coalesce(last_year.net_amount, 0), 2) as net_amount_last_year,
        round(100 * (this_year.net_amount / nullif(last_year.net_amount, 0) - 1), 1) as change_percent
    from this_year
    inner join last_year on this_year.period_number = last_year.period_number

)

select * from final
order by first_day desc
