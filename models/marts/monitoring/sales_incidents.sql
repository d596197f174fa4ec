{{ config(
    unique_key='incident_key',
    check_column='incident_key',
) }}

with

incident_rows as (

    select * from {{ ref('sales_incident_days') }}

),

main_days as (

    select * from {{ ref('sales_incident_amounts') }}

),

known_incidents as (

    select * from {{ ref('known_incidents') }}

),

incidents as (

    select
        incident_key,
        first_date,
        max(date_day) as last_date,
        lead_country_name,
        cause,
        direction,
        count(distinct date_day)::integer as days,
        string_agg(distinct measure, ', ' order by measure) as measures
    from incident_rows
    group by incident_key, first_date, lead_country_name, cause, direction

),

worst_days as (

    select distinct on (incident_key) *
    from main_days
    order by incident_key asc, strength desc, date_day desc

),

summed as (

    -- If the other countries moved at least half as far as the home country, the shop as a whole is concerned.
    select
        incident_key,
        sum(amount_at_stake) as amount_at_stake,
        coalesce(sum(moved_abroad) >= 0.5 * sum(moved), false) as is_everywhere
    from main_days
    group by incident_key

),

described as (

    -- If everywhere, the usual part of the other countries is added to the money.
    select
        incidents.*,
        case when summed.is_everywhere then 'All' else incidents.lead_country_name end as scope,
        summed.amount_at_stake
        * case
            when summed.is_everywhere
                then coalesce(worst_days.usual_shop_amount / nullif(worst_days.usual_country_amount, 0), 1)
            else 1
        end as amount_at_stake,
        worst_days.usual_shop_amount,
        worst_days.date_day as worst_date,
        worst_days.measure as main_measure,
        worst_days.strength as score,
        worst_days.observed,
        worst_days.expected_low,
        worst_days.expected,
        worst_days.expected_high
    from incidents
    inner join worst_days on incidents.incident_key = worst_days.incident_key
    inner join summed on incidents.incident_key = summed.incident_key

),

weighed as (

    select
        *,
        amount_at_stake / nullif(usual_shop_amount, 0) as share_of_usual_day
    from described

),

repeated as (

    select
        weighed.incident_key,
        count(earlier.incident_key)::integer as earlier_incidents
    from weighed
    left join weighed as earlier
        on
            weighed.lead_country_name = earlier.lead_country_name
            and weighed.cause = earlier.cause
            and weighed.direction = earlier.direction
            and weighed.first_date <= earlier.first_date + 365
            and weighed.first_date > earlier.last_date
            and 0.5 * weighed.share_of_usual_day <= earlier.share_of_usual_day
    group by weighed.incident_key

),

known as (

    -- If several lines of the seed cover an incident, the line with the shortest span counts.
    select distinct on (weighed.incident_key)
        weighed.incident_key,
        known_incidents.status,
        known_incidents.reason,
        known_incidents.declared_by
    from weighed
    inner join known_incidents
        on
            (known_incidents.scope in ('All', weighed.scope, weighed.lead_country_name))
            and weighed.first_date >= known_incidents.first_date
            and weighed.last_date <= known_incidents.last_date
    order by
        weighed.incident_key,
        known_incidents.last_date - known_incidents.first_date,
        known_incidents.scope = 'All',
        known_incidents.scope,
        known_incidents.first_date

),

final as (

    select
        weighed.incident_key,

        weighed.first_date,
        weighed.last_date,
        weighed.days,
        weighed.scope,
        weighed.cause,
        weighed.direction,
        {{ incident_reason() }} as reason,

        -- A fault of a delivery is one however often it comes. A booking that comes often is business.
        case
            when weighed.cause = 'silent_country' then 'alarm'
            when weighed.share_of_usual_day < {{ var("anomaly_min_amount") }} then 'notice'
            when
                weighed.cause = 'money'
                and weighed.share_of_usual_day < {{ var("anomaly_min_booking") }}
                then 'notice'
            when
                repeated.earlier_incidents >= 2
                and (weighed.cause in ('money', 'volume', 'hours') or weighed.lead_country_name = 'Abroad')
                then 'notice'
            else 'alarm'
        end as severity,
        coalesce(known.status, 'open') as status,
        known.reason as known_reason,
        known.declared_by,

        weighed.amount_at_stake::numeric(18, 4) as amount_at_stake,
        weighed.share_of_usual_day::numeric(18, 4) as share_of_usual_day,
        weighed.score,
        repeated.earlier_incidents,

        weighed.measures,
        weighed.lead_country_name as country_name,
        weighed.main_measure,
        weighed.worst_date,
        weighed.observed,
        weighed.expected_low,
        weighed.expected,
        weighed.expected_high
    from weighed
    inner join repeated on weighed.incident_key = repeated.incident_key
    left join known on weighed.incident_key = known.incident_key

)

select * from final
