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
    -- The days of the windows below.
    {{ before_touched(63 + 63 + 7, after='where') }}

),

shop_days as (

    select * from {{ ref('int_shop_days') }}
    {{ before_touched(63 + 63 + 7, after='where') }}

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
        shop_days.is_unexpected,
        coalesce(daily_measures.lines, 0) as lines
    from countries
    cross join shop_days
    left join daily_measures
        on
            countries.country_name = daily_measures.country_name
            and shop_days.invoiced_on = daily_measures.invoiced_on

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

with_home as (

    select
        *,
        max(lines) filter (where country_name = '{{ var("home_country") }}') over same_day as home_lines,
        max(usual_lines) filter (where country_name = '{{ var("home_country") }}') over same_day as usual_home_lines
    from with_past
    window same_day as (partition by invoiced_on)

),

silences as (

    -- How long each country had been silent, and what was known of it when it last traded.
    select
        with_home.invoiced_on,
        with_home.country_name,
        with_home.is_trading_day,
        with_home.is_unexpected,
        with_home.lines,
        with_home.usual_lines,
        with_home.last_traded_on,
        with_past.invoiced_on is not null as is_rated,
        (with_home.day_number - with_past.day_number)::integer as days_silent,
        with_past.days_before,
        with_past.days_with_lines_before,
        -- On a quiet day of the home country, an order from abroad is less likely.
        least(1, coalesce(with_home.home_lines / nullif(with_home.usual_home_lines, 0), 1))::double precision as weight
    from with_home
    left join with_past
        on
            with_home.country_name = with_past.country_name
            and with_home.last_traded_on = with_past.invoiced_on
            and with_home.last_traded_on >= with_home.invoiced_on - 63
            and with_home.is_trading_day
            and with_past.days_before >= 15
            and (with_past.days_with_lines_before + 0.5) / (with_past.days_before + 1)
            >= {{ var("anomaly_min_share_of_days") }}
),

chances as (

    -- Laplace's rule of succession: after b silent days of n, the next day is silent with a probability of
    -- (b + 1) / (n + 2). Each silent day since then is one more of both.
    select
        *,
        sum(
            case
                when days_silent > 0
                    then
                        weight * ln(
                            (days_before - days_with_lines_before + days_silent)::double precision
                            / (days_before + 1 + days_silent)
                        )
                else 0
            end
        ) over silence as log_chance
    from silences
    window
        silence as (
            partition by country_name, last_traded_on, is_rated
            order by invoiced_on
        )

),

final as (

    select
        invoiced_on,
        country_name,

        is_unexpected,

        lines,
        usual_lines::numeric(18, 4) as usual_lines,
        days_silent,
        case
            when is_rated
                then
                    (
                        count(*) filter (
                            where days_silent > 0 and log_chance >= ln({{ var("anomaly_silence_chance") }})
                        ) over silence
                    )::integer
        end as longest_silence
    from chances
    where
        (usual_lines >= {{ var("anomaly_min_lines") }} or is_rated)
    {{ before_touched(0, column="invoiced_on", after='and') }}
    window
        silence as (
            partition by country_name, last_traded_on, is_rated
            order by invoiced_on
        )

)

select * from final
