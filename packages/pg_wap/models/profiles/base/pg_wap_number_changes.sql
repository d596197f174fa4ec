{{ config(materialized='ephemeral') }}

with

pairs as (

    select * from {{ ref('pg_wap_profile_pairs') }}

),

means_changed as (

    select
        release_id,
        was_release_id,
        relation,
        column_name,
        'mean' as measure,
        round(was_mean::numeric, 4)::text as was_value,
        round(mean::numeric, 4)::text as is_value,
        case
            when mean = was_mean then 0 else abs(mean - was_mean)
            / coalesce(nullif(was_standard_deviation, 0), nullif(abs(was_mean), 0), abs(mean))
        end as change
    from pairs
    where is_number and not is_key and mean <> 'NaN' and was_mean <> 'NaN'

),

-- how far the inner bounds moved on average, as a share of the distance between the 5th and the 95th percentile
spreads_changed as (

    select
        release_id,
        was_release_id,
        relation,
        column_name,
        'spread' as measure,
        'median ' || was_bounds[11] as was_value,
        'median ' || bounds[11] as is_value,
        (
            select avg(abs(bound::double precision - was_bound::double precision))
            from unnest(bounds[2:20], was_bounds[2:20]) as both_bounds (bound, was_bound)
        ) / nullif(was_bounds[20]::double precision - was_bounds[2]::double precision, 0) as change
    from pairs
    where is_number and not is_key

),

-- how far the least or the greatest value moved, as a share of the range before
ranges as (

    select
        pairs.*,
        case when is_time then extract(epoch from min_value::timestamptz) else min_value::numeric end as least_value,
        case when is_time then extract(epoch from max_value::timestamptz) else max_value::numeric end as greatest_value,
        case when is_time then extract(epoch from was_min_value::timestamptz) else was_min_value::numeric end as was_least_value,
        case when is_time then extract(epoch from was_max_value::timestamptz) else was_max_value::numeric end as was_greatest_value
    from pairs
    where (is_number or is_time) and not is_key

),

ranges_changed as (

    select
        release_id,
        was_release_id,
        relation,
        column_name,
        'range' as measure,
        was_min_value || ' to ' || was_max_value as was_value,
        min_value || ' to ' || max_value as is_value,
        (
            greatest(abs(least_value - was_least_value), abs(greatest_value - was_greatest_value))
            / nullif(was_greatest_value - was_least_value, 0)
        )::double precision as change
    from ranges
    where (min_value, max_value) is distinct from (was_min_value, was_max_value)

),

final as (

    select * from means_changed
    union all
    select * from spreads_changed
    union all
    select * from ranges_changed

)

select * from final
