{{ config(
    unique_key=['invoiced_on', 'country_name'],
    touched_by="{{ days_since_change(['int_daily_measures'], ref('int_daily_measures')) }}",
    logged_columns=['invoiced_on'],
    check_column='invoiced_on',
) }}

with

daily_measures as (

    select
        invoiced_on,
        country_name,
        lines
    from {{ ref('int_daily_measures') }}
    -- The days of the windows below, and a year for the last holidays.
    {{ before_touched(63 + 63 + 365 + 7, after='where') }}

),

bank_holidays as (

    select * from {{ ref('uk_bank_holidays') }}

),

trading_days as (select distinct invoiced_on from daily_measures),

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
    select
        invoiced_on,
        is_trading_day,
        count(*) over last_eight >= 4 as is_known,
        2 * count(*) filter (where is_trading_day) over last_eight > count(*) over last_eight
        and not is_closed
        and (
            not is_holiday
            or 2 * count(*) filter (where is_trading_day) over last_holidays > count(*) over last_holidays
        ) as is_expected
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
        )

),

countries as (

    select distinct country_name from daily_measures

),

country_days as (

    -- Keeps days on which a country has no lines. A silence of up to nine weeks is rated by the nine weeks before it.
    select
        shop_days.invoiced_on,
        countries.country_name,
        shop_days.is_trading_day,
        shop_days.is_trading_day and shop_days.is_known and not shop_days.is_expected as is_unexpected,
        coalesce(daily_measures.lines, 0) as lines
    from countries
    inner join shop_days on shop_days.is_trading_day or shop_days.is_expected
    left join daily_measures
        on
            countries.country_name = daily_measures.country_name
            and shop_days.invoiced_on = daily_measures.invoiced_on
    {{ before_touched(63 + 63 + 7, column="shop_days.invoiced_on", after='where') }}

),

with_past as (

    select
        *,
        avg(lines) over nine_weeks as usual_lines,
        count(*) filter (where is_trading_day) over nine_weeks as days_before,
        count(*) filter (where lines > 0) over nine_weeks as days_with_lines_before,
        count(*) filter (where is_trading_day) over until_today as day_number,
        -- The last join limits this to nine weeks: over a moving frame, max() would be computed again for each day.
        max(invoiced_on) filter (where lines > 0) over until_today as last_traded_on
    from country_days
    window
        until_today as (
            partition by country_name
            order by invoiced_on
        ),
        nine_weeks as (
            partition by country_name
            order by invoiced_on
            range between interval '63 days' preceding and interval '1 day' preceding
        )

),

shares as (

    -- The added halves keep the share above 0 and below 1, as the logarithm below requires.
    select
        *,
        (days_with_lines_before + 0.5) / (days_before + 1) as share_of_days
    from with_past

),

final as (

    -- The longest silence to expect depends on the share of days known when the country last traded.
    select
        shares.invoiced_on,
        shares.country_name,

        shares.is_unexpected,

        shares.lines,
        shares.usual_lines::numeric(18, 4) as usual_lines,
        (shares.day_number - last_trades.day_number)::integer as days_silent,
        floor(
            ln({{ var("anomaly_silence_chance") }}) / ln(1 - last_trades.share_of_days)
        )::integer as longest_silence
    from shares
    left join shares as last_trades
        on
            shares.country_name = last_trades.country_name
            and shares.last_traded_on = last_trades.invoiced_on
            and shares.last_traded_on >= shares.invoiced_on - 63
            and shares.is_trading_day
            and last_trades.share_of_days >= {{ var("anomaly_min_share_of_days") }}
            and last_trades.days_before >= 15
    where
        (shares.usual_lines >= {{ var("anomaly_min_lines") }} or last_trades.invoiced_on is not null)
    {{ before_touched(0, column="shares.invoiced_on", after='and') }}

)

select * from final
