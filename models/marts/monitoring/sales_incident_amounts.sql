{{ config(
    unique_key=['incident_key', 'date_day'],
    access='protected',
) }}

with

incident_rows as (

    select * from {{ ref('sales_incident_days') }}
    where is_main

),

-- Not materialized, so that the planner looks ratings up by an index. Else it reads all of them for each incident:
-- 8 s instead of 0.4 s on three times the history.
ratings as not materialized (

    select * from {{ ref('daily_anomalies') }}

),

daily_measures as (

    select * from {{ ref('int_daily_measures') }}

),

countries as (

    select * from {{ ref('countries') }}

),

incidents as (

    select distinct
        incident_key,
        first_date,
        lead_country_name
    from incident_rows

),

main_days as (

    -- On each day, the measure that shows the cause best.
    select distinct on (incident_rows.incident_key, incident_rows.date_day)
        incident_rows.incident_key,
        incident_rows.date_day,
        incident_rows.lead_country_name,
        incident_rows.cause,
        incident_rows.direction,
        incident_rows.measure,
        incident_rows.strength,
        ratings.observed,
        ratings.expected_low,
        ratings.expected,
        ratings.expected_high
    from incident_rows
    inner join ratings
        on
            incident_rows.date_day = ratings.date_day
            and incident_rows.country_name = ratings.country_name
            and incident_rows.measure = ratings.measure
    order by
        incident_rows.incident_key asc,
        incident_rows.date_day asc,
        incident_rows.strength desc,
        incident_rows.measure asc

),

past_days as (

    -- The nine weeks before, as days: by their bounds, each incident would be compared with each day of the history.
    select
        incidents.*,
        incidents.first_date - weeks.day_number as invoiced_on
    from incidents
    cross join generate_series(1, 63) as weeks (day_number)

),

shop_days as (

    select
        daily_measures.invoiced_on,
        sum(daily_measures.gross_amount) as gross_amount,
        sum(daily_measures.lines) as lines
    from daily_measures
    where daily_measures.country_name in ('{{ var("home_country") }}', 'Abroad')
    group by daily_measures.invoiced_on

),

usual_shop_days as (

    -- The median day of the nine weeks before, which an incident in them does not move.
    select
        past_days.incident_key,
        percentile_cont(0.5) within group (order by shop_days.gross_amount)::numeric as usual_shop_amount,
        sum(shop_days.lines) as shop_lines
    from past_days
    inner join shop_days on past_days.invoiced_on = shop_days.invoiced_on
    group by past_days.incident_key

),

usual_days as (

    -- A country's part of the money is its part of the lines.
    select
        past_days.incident_key,
        usual_shop_days.usual_shop_amount,
        usual_shop_days.usual_shop_amount
        * sum(daily_measures.lines) / usual_shop_days.shop_lines as usual_country_amount
    from past_days
    inner join usual_shop_days on past_days.incident_key = usual_shop_days.incident_key
    left join countries on past_days.lead_country_name = countries.standard_name
    inner join daily_measures
        on
            coalesce(countries.country_name, past_days.lead_country_name) = daily_measures.country_name
            and past_days.invoiced_on = daily_measures.invoiced_on
    group by past_days.incident_key, usual_shop_days.usual_shop_amount, usual_shop_days.shop_lines

),

compared as (

    select
        main_days.*,
        usual_days.usual_shop_amount,
        usual_days.usual_country_amount,
        coalesce(gross.observed, 0) as gross_observed,
        coalesce(gross.expected, usual_days.usual_country_amount) as gross_expected,
        abroad.observed as abroad_observed,
        abroad.expected as abroad_expected
    from main_days
    left join usual_days on main_days.incident_key = usual_days.incident_key
    left join ratings as gross
        on
            gross.measure = 'gross_amount'
            and main_days.date_day = gross.date_day
            and main_days.lead_country_name = gross.country_name
    left join ratings as abroad
        on
            abroad.country_name = 'Abroad'
            and main_days.date_day = abroad.date_day
            and main_days.measure = abroad.measure
            and main_days.lead_country_name = '{{ var("home_country") }}'
            and main_days.cause not in ('money', 'hours')

),

final as (

    select
        incident_key,
        date_day,
        measure,
        strength,
        observed,
        expected_low,
        expected,
        expected_high,
        usual_shop_amount::numeric(18, 4) as usual_shop_amount,
        usual_country_amount::numeric(18, 4) as usual_country_amount,
        coalesce(
            case
                when cause = 'silent_country' then usual_country_amount
                when cause in ('prices', 'repeated_lines') then gross_observed * abs(1 - expected / nullif(observed, 0))
                when measure = 'share_without_customer' then gross_observed * abs(observed - expected)
                when measure = 'customers' and cause = 'lost_customers' then gross_observed
                when cause = 'money' then abs(observed - expected)
                when cause = 'hours' then 0
                when direction = 'low' then greatest(gross_expected - gross_observed, 0)
                else greatest(gross_observed - gross_expected, 0)
            end,
            0
        )::numeric(18, 4) as amount_at_stake,
        -- How far the home country and the others moved, on a scale on which half and double are equally far.
        case
            when least(observed, expected, abroad_observed, abroad_expected) >= 0
                then abs(ln((observed + 0.01) / (expected + 0.01)))
        end::numeric(18, 4) as moved,
        case
            when least(observed, expected, abroad_observed, abroad_expected) >= 0
                then ln((abroad_observed + 0.01) / (abroad_expected + 0.01)) * sign(observed - expected)
        end::numeric(18, 4) as moved_abroad
    from compared

)

select * from final
