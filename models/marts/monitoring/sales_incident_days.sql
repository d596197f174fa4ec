{{ config(
    unique_key=['date_day', 'country_name', 'measure'],
) }}

{#- The first causes explain the others: a slip of the currency also makes the largest line large. -#}
{%- set causes = [
    'missing_day', 'unexpected_day', 'prices', 'lost_customers', 'repeated_lines', 'volume', 'money', 'hours'
] -%}

with

unusual_values as (

    select * from {{ ref('unusual_values') }}

),

day_causes as (

    -- A day has one cause: of the home country, which is most of the trade, or else of the others.
    select distinct on (date_day, cause = 'money')
        date_day,
        day_number,
        cause = 'money' as is_booking,
        country_name as lead_country_name,
        cause,
        direction
    from unusual_values
    where silence_start is null
    order by
        date_day asc,
        cause = 'money' asc,
        country_name = 'Abroad' asc,
        array_position(array{{ causes }}, cause) asc,
        strength desc,
        measure asc

),

separate_causes as (

    -- Most faults of a delivery move the money as well. On a day with few lines, only less money has the same cause.
    select
        day_causes.*,
        delivery_causes.date_day is not null as is_apart
    from day_causes
    left join day_causes as delivery_causes
        on day_causes.is_booking and not delivery_causes.is_booking and day_causes.date_day = delivery_causes.date_day
    where
        delivery_causes.date_day is null
        or (
            delivery_causes.cause in ('volume', 'lost_customers', 'hours')
            and delivery_causes.direction <> day_causes.direction
        )

),

incident_runs as (

    select
        *,
        day_number - row_number() over (
            partition by lead_country_name, cause, direction
            order by day_number
        ) as run
    from separate_causes

),

incident_days as (

    select
        *,
        min(date_day) over (partition by lead_country_name, cause, direction, run) as first_date
    from incident_runs

),

bookings as (

    select * from incident_days
    where is_booking

),

rows_of_incidents as (

    select
        incident_days.first_date,
        incident_days.cause,
        incident_days.lead_country_name,
        incident_days.direction,
        unusual_values.date_day,
        unusual_values.country_name,
        unusual_values.measure,
        unusual_values.strength,
        incident_days.cause = unusual_values.cause
        and incident_days.lead_country_name = unusual_values.country_name as is_main
    from unusual_values
    left join bookings
        on
            unusual_values.date_day = bookings.date_day
            and unusual_values.cause = 'money'
            and (not bookings.is_apart or unusual_values.direction = bookings.direction)
    inner join incident_days
        on
            unusual_values.date_day = incident_days.date_day
            and (bookings.date_day is not null) = incident_days.is_booking
    where unusual_values.silence_start is null

    union all

    select
        silence_start as first_date,
        cause,
        country_name as lead_country_name,
        direction,
        date_day,
        country_name,
        measure,
        strength,
        true as is_main
    from unusual_values
    where silence_start is not null

),

final as (

    select
        date_day,
        country_name,
        measure,
        {{ surrogate_key(['first_date', 'lead_country_name', 'cause', 'direction']) }} as incident_key,
        first_date,
        lead_country_name,
        cause,
        case when direction < 0 then 'low' else 'high' end as direction,
        is_main,
        strength
    from rows_of_incidents

)

select * from final
