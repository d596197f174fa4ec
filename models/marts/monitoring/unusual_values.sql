{{ config(
    unique_key=['date_day', 'country_name', 'measure'],
    access='protected',
) }}

with

ratings as (

    select * from {{ ref('daily_anomalies') }}

),

trading_days as (

    select
        date_day,
        row_number() over (order by date_day) as day_number
    from ratings
    where measure = 'lines'
    group by date_day

),

hints as (

    -- One usual day in 80 is off by more than anomaly_hint_score. Days in a row are not.
    select
        ratings.date_day,
        ratings.country_name,
        ratings.measure,
        trading_days.day_number,
        ratings.kind,
        case when ratings.score < 0 then -1 else 1 end as direction,
        coalesce(abs(ratings.score), {{ var("anomaly_score") }}) as strength,
        bool_or(ratings.measure = 'share_without_customer' and ratings.score > 0) over country_day as is_anonymous,
        -- Of a busy day, a product has more lines as well; of a file that came twice, it has twice as many.
        ratings.measure = 'lines_per_product'
        and ratings.score > 0
        and ln(ratings.observed / ratings.expected) < 2 * ln(products.observed / products.expected) as is_busy_day
    from ratings
    inner join trading_days on ratings.date_day = trading_days.date_day
    left join ratings as products
        on
            ratings.measure = 'lines_per_product'
            and products.measure = 'products'
            and ratings.date_day = products.date_day
            and ratings.country_name = products.country_name
            and products.observed > 0
            and products.expected > 0
    where
        ratings.measure <> 'days_silent'
        and (ratings.kind is not null or abs(ratings.score) >= {{ var("anomaly_hint_score") }})
    window country_day as (partition by ratings.date_day, ratings.country_name)

),

runs as (

    select
        *,
        day_number - row_number() over (
            partition by country_name, measure, direction
            order by day_number
        ) as run
    from hints
    where is_busy_day is not true

),

pooled as (

    -- Three days that are off by 3 deviations each are as rare as one day that is off by 5.2.
    select
        *,
        sum(strength) over three_days / sqrt(count(*) over three_days) as pooled_strength
    from runs
    window
        three_days as (
            partition by country_name, measure, direction, run
            order by day_number
            rows 2 preceding
        )

),

rated_runs as (

    select
        *,
        max(pooled_strength) over (partition by country_name, measure, direction, run) as run_strength
    from pooled

),

rated_silences as (

    select
        *,
        count(*) filter (where observed = 0) over (
            partition by country_name
            order by date_day
        ) as trades
    from ratings
    where measure = 'days_silent'

),

silences as (

    select
        date_day,
        country_name,
        observed,
        expected_high,
        min(date_day) over silence as first_day,
        bool_or(kind is not null) over silence as is_incident
    from rated_silences
    where observed > 0
    window silence as (partition by country_name, trades)

),

unusual as (

    select
        date_day,
        country_name,
        measure,
        day_number,
        null::date as silence_start,
        direction,
        pooled_strength as strength,
        case
            when kind in ('missing_day', 'unexpected_day') then kind
            when measure = 'typical_price' then 'prices'
            when measure = 'share_without_customer' then 'lost_customers'
            when measure = 'customers' and direction < 0 and is_anonymous then 'lost_customers'
            when measure = 'lines_per_product' then 'repeated_lines'
            when measure in ('gross_amount', 'net_amount', 'largest_amount') then 'money'
            when measure = 'last_hour' then 'hours'
            else 'volume'
        end as cause
    from rated_runs
    where run_strength >= {{ var("anomaly_score") }}

    union all

    select
        date_day,
        country_name,
        'days_silent' as measure,
        null as day_number,
        first_day as silence_start,
        -1 as direction,
        observed / (expected_high + 1) * {{ var("anomaly_score") }} as strength,
        'silent_country' as cause
    from silences
    where is_incident

),

final as (

    select
        date_day,
        country_name,
        measure,

        day_number::integer as day_number,
        silence_start,
        cause,
        direction,
        strength::numeric(12, 2) as strength
    from unusual

)

select * from final
