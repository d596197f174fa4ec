{{ config(
    unique_key='invoiced_on',
) }}

with

trading_days as (

    select distinct invoiced_on from {{ ref('int_daily_measures') }}

),

bank_holidays as (

    select * from {{ ref('uk_bank_holidays') }}

),

first_and_last as (

    select
        min(invoiced_on)::timestamp as first_at,
        max(invoiced_on)::timestamp as last_at
    from trading_days

),

calendar as (

    select series.day_at::date as invoiced_on
    from first_and_last
    cross join generate_series(first_and_last.first_at, first_and_last.last_at, interval '1 day') as series (day_at)

),

closed_days as (

    select holiday_date as invoiced_on from bank_holidays

    union all

    -- Easter Sunday is not a bank holiday.
    select holiday_date - 1 as invoiced_on
    from bank_holidays
    where holiday_name = 'Easter Monday'

),

kinds_of_days as (

    select
        calendar.invoiced_on,
        trading_days.invoiced_on is not null as is_trading_day,
        extract(isodow from calendar.invoiced_on) as iso_weekday,
        closed_days.invoiced_on is not null as is_holiday,
        to_char(calendar.invoiced_on, 'MM-DD') between '{{ var("closed_from") }}' and '12-31'
        or to_char(calendar.invoiced_on, 'MM-DD') between '01-01' and '{{ var("closed_until") }}' as is_closed
    from calendar
    left join trading_days on calendar.invoiced_on = trading_days.invoiced_on
    left join closed_days on calendar.invoiced_on = closed_days.invoiced_on

),

shop_days as (

    -- Trade is expected on a weekday if most of the last eight had trade, and on a holiday if most of a year had.
    -- A day is not missed if the shop was closed on the same weekday a year before.
    select
        invoiced_on,
        is_trading_day,
        count(*) over last_eight >= 4 and (not is_holiday or count(*) over last_holidays >= 2) as is_known,
        2 * count(*) filter (where is_trading_day) over last_eight > count(*) over last_eight
        and not is_closed
        and (
            not is_holiday
            or 2 * count(*) filter (where is_trading_day) over last_holidays > count(*) over last_holidays
        ) as is_expected,
        coalesce(bool_and(is_trading_day) over last_year, true) as is_open_by_last_year
    from kinds_of_days
    window
        last_eight as (
            partition by iso_weekday
            order by invoiced_on
            range between interval '56 days' preceding and interval '1 day' preceding
        ),
        last_holidays as (
            partition by is_holiday, is_closed
            order by invoiced_on
            range between interval '365 days' preceding and interval '1 day' preceding
        ),
        last_year as (
            partition by iso_weekday
            order by invoiced_on
            range between interval '364 days' preceding and interval '364 days' preceding
        )

),

final as (

    select
        invoiced_on,

        is_trading_day,
        is_trading_day and is_known and not is_expected as is_unexpected,
        not is_trading_day and is_expected and is_open_by_last_year as is_missed
    from shop_days
    where is_trading_day or (is_expected and is_open_by_last_year)

)

select * from final
