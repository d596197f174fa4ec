{{ config(
    unique_key=['invoiced_on', 'country_name', 'measure'],
    touched_by="{{ days_since_change(['int_country_days', 'int_daily_measures'], ref('int_country_days')) }}",
    logged_columns=['invoiced_on'],
    check_column='invoiced_on',
) }}

with

country_days as (

    select
        *,
        extract(isodow from invoiced_on) as iso_weekday
    from {{ ref('int_country_days') }}
    -- Deviations of nine weeks, each from the weekdays of nine weeks and the levels of three weeks.
    where
        usual_lines >= {{ var("anomaly_min_lines") }}
    {{ before_touched(63 + 63 + 21 + 7, after='and') }}

),

daily_measures as (

    select
        *,
        extract(epoch from last_invoiced_at) / 3600 as last_hour
    from {{ ref('int_daily_measures') }}
    {{ before_touched(63 + 63 + 21 + 7, after='where') }}

),

measured as (

    select
        country_days.invoiced_on,
        country_days.country_name,
        measures.*,
        country_days.iso_weekday,
        measures.measure = 'lines' and country_days.is_unexpected as is_unexpected,
        {{ scaled('measures.observed', 'measures.scale') }} as scaled
    from country_days
    left join daily_measures
        on
            country_days.invoiced_on = daily_measures.invoiced_on
            and country_days.country_name = daily_measures.country_name
    cross join
        lateral (
            values
            ('lines', country_days.lines::double precision, 'count', 0.05),
            ('gross_amount', daily_measures.gross_amount::double precision, 'count', 0.05),
            ('net_amount', daily_measures.net_amount::double precision, 'amount', 0.05),
            ('largest_amount', daily_measures.largest_amount::double precision, 'count', 0.05),
            ('products', daily_measures.products::double precision, 'count', 0.05),
            ('customers', daily_measures.customers::double precision, 'count', 0.05),
            ('typical_price', daily_measures.typical_price::double precision, 'ratio', 0.02),
            ('lines_per_product', country_days.lines::double precision / daily_measures.products, 'ratio', 0.02),
            (
                'share_without_customer',
                daily_measures.lines_without_customer::double precision / nullif(country_days.lines, 0),
                'share',
                0.2
            ),
            ('last_hour', daily_measures.last_hour::double precision, 'hour', 0.5)
        ) as measures (measure, observed, scale, least_spread)
    where measures.observed is not null
    {{ pg_wap.optimization_fence() }}

),

level_windows as (

    select
        *,
        array_agg(scaled) over three_weeks as levels_before
    from measured
    window
        three_weeks as (
            partition by country_name, measure
            order by invoiced_on
            range between interval '21 days' preceding and interval '1 day' preceding
        )

),

levelled as (

    select
        *,
        scaled - {{ median_of('levels_before') }} as above_level
    from level_windows
    {{ pg_wap.optimization_fence() }}

),

weekday_windows as (

    select
        *,
        array_agg(above_level) filter (where above_level is not null) over same_weekdays as weekdays_before
    from levelled
    window
        same_weekdays as (
            partition by country_name, measure, iso_weekday
            order by invoiced_on
            range between interval '63 days' preceding and interval '1 day' preceding
        )

),

compared as (

    select
        *,
        case
            when cardinality(weekdays_before) >= 3 then above_level - {{ median_of('weekdays_before') }}
        end as deviation
    from weekday_windows
    {{ pg_wap.optimization_fence() }}

),

deviation_windows as (

    select
        *,
        array_agg(abs(deviation)) filter (where deviation is not null) over nine_weeks as deviations_before
    from compared
    window
        nine_weeks as (
            partition by country_name, measure
            order by invoiced_on
            range between interval '63 days' preceding and interval '1 day' preceding
        )

),

marked as (

    -- Marks values that are so far off that later days must not be compared with them.
    select
        *,
        is_unexpected
        or coalesce(
            cardinality(deviations_before) >= 15
            and abs(deviation)
            > {{ var("anomaly_score") }} * greatest(least_spread, 1.4826 * {{ median_of('deviations_before') }}),
            false
        ) as is_marked
    from deviation_windows
    {{ pg_wap.optimization_fence() }}

),

final as (

    select
        invoiced_on,
        country_name,
        measure,

        iso_weekday,
        scale,
        is_unexpected,
        is_marked,

        observed,
        scaled,
        least_spread,
        above_level,
        deviation
    from marked
    {{ before_touched(0, after='where') }}

)

select * from final
