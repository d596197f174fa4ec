{{ config(
    unique_key=['date_day', 'country_name', 'measure'],
    touched_by="
        select
            invoiced_on as date_day,
            invoiced_on
        from (
            {{ days_since_change(['int_measures_compared', 'int_country_days'], ref('int_country_days')) }}
        ) as days
    ",
    logged_columns=['date_day'],
    check_column='date_day',
) }}

with

compared as (

    select * from {{ ref('int_measures_compared') }}
    {{ before_touched(63 + 7, after='where') }}

),

country_days as (

    select * from {{ ref('int_country_days') }}
    {{ before_touched(0, after='where') }}

),

countries as (

    select * from {{ ref('countries') }}

),

clean_windows as (

    -- Repeats the comparison with a past that leaves out marked values.
    select
        invoiced_on,
        country_name,
        measure,
        observed,
        scale,
        least_spread,
        is_unexpected,
        scaled,
        array_agg(scaled) filter (where not is_marked) over three_weeks as levels_before,
        array_agg(above_level) filter (where above_level is not null and not is_marked) over same_weekdays
            as weekdays_before,
        array_agg(abs(deviation)) filter (where deviation is not null and not is_marked) over nine_weeks
            as deviations_before
    from compared
    window
        three_weeks as (
            partition by country_name, measure
            order by invoiced_on
            range between interval '21 days' preceding and interval '1 day' preceding
        ),
        same_weekdays as (
            partition by country_name, measure, iso_weekday
            order by invoiced_on
            range between interval '63 days' preceding and interval '1 day' preceding
        ),
        nine_weeks as (
            partition by country_name, measure
            order by invoiced_on
            range between interval '63 days' preceding and interval '1 day' preceding
        )

),

expected as (

    select
        *,
        {{ median_of('levels_before') }} + {{ median_of('weekdays_before') }} as expected,
        -- A standard deviation is 1.4826 times the median deviation of normal values.
        greatest(least_spread, 1.4826 * {{ median_of('deviations_before') }}) as spread
    from clean_windows
    where
        (
            is_unexpected
            or (
                cardinality(levels_before) >= 5
                and cardinality(weekdays_before) >= 3
                and cardinality(deviations_before) >= 15
            )
        )
    {{ before_touched(0, after='and') }}
    {{ pg_wap.optimization_fence() }}

),

rated_measures as (

    select
        invoiced_on,
        country_name,
        measure,
        observed::numeric(24, 4) as observed,
        case
            when is_unexpected then 0
            else {{ unscaled('expected - ' ~ var("anomaly_score") ~ ' * spread', 'scale') }}
        end as expected_low,
        case when is_unexpected then 0 else {{ unscaled('expected', 'scale') }} end as expected,
        case
            when is_unexpected then 0
            else {{ unscaled('expected + ' ~ var("anomaly_score") ~ ' * spread', 'scale') }}
        end as expected_high,
        case when not is_unexpected then ((scaled - expected) / spread)::numeric(12, 2) end as score,
        case
            when is_unexpected then 'unexpected_day'
            when scaled < expected - {{ var("anomaly_score") }} * spread
                then case when measure = 'lines' and observed = 0 then 'missing_day' else 'too_low' end
            when scaled > expected + {{ var("anomaly_score") }} * spread then 'too_high'
        end as kind
    from expected

),

rated_silences as (

    -- Reports a silence once, on the day on which it becomes too long.
    select
        invoiced_on,
        country_name,
        'days_silent' as measure,
        days_silent as observed,
        0 as expected_low,
        0 as expected,
        longest_silence as expected_high,
        null::numeric as score,
        case when days_silent = longest_silence + 1 then 'silent' end as kind
    from country_days
    where days_silent is not null

),

rated as (

    select * from rated_measures

    union all

    select * from rated_silences

),

final as (

    select
        rated.invoiced_on as date_day,
        coalesce(countries.standard_name, rated.country_name) as country_name,
        rated.measure,

        rated.kind is not null as is_anomaly,
        rated.kind,

        rated.observed,
        rated.expected_low,
        rated.expected,
        rated.expected_high,
        rated.score,

        -- Old names, removed in the next version.
        rated.invoiced_on
    from rated
    left join countries on rated.country_name = countries.country_name

)

select * from final
