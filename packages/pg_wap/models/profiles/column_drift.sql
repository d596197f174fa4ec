{%- set thresholds = pg_wap.drift_thresholds(var("pg_wap_drift_thresholds", {})) -%}

with

profiles as (

    select * from {{ ref('pg_wap_column_profiles') }}

),

relation_keys as (

    select * from {{ ref('pg_wap_relation_keys') }}

),

releases as (

    select * from {{ ref('pg_wap_releases') }}

),

-- a part of a primary key may be an attribute, such as a category
key_columns as (

    select distinct
        relation,
        columns[1] as column_name
    from relation_keys
    where cardinality(columns) = 1

),

-- of each relation, the profile before
profiled as (

    select
        relation,
        release_id,
        max(row_count) as row_count,
        lag(release_id) over (partition by relation order by release_id) as was_release_id,
        lag(max(row_count)) over (partition by relation order by release_id) as was_row_count
    from profiles
    group by relation, release_id

),

pairs as (

    select
        now.release_id,
        before.release_id as was_release_id,
        now.relation,
        now.column_name,
        now.null_count::double precision / now.row_count as null_share,
        before.null_count::double precision / before.row_count as was_null_share,
        now.row_count,
        before.row_count as was_row_count,
        now.distinct_count,
        before.distinct_count as was_distinct_count,
        now.mean,
        before.mean as was_mean,
        before.standard_deviation as was_standard_deviation,
        now.min_value,
        before.min_value as was_min_value,
        now.max_value,
        before.max_value as was_max_value,
        now.bounds,
        before.bounds as was_bounds,
        now.top_values,
        before.top_values as was_top_values,
        now.top_shares,
        before.top_shares as was_top_shares,
        -- a value that is not among the frequent values is at most as frequent as the last of them
        case when now.distinct_count > cardinality(now.top_values) then coalesce(now.top_shares[cardinality(now.top_shares)], 0) else 0 end
        as unlisted_share,
        case
            when before.distinct_count > cardinality(before.top_values)
                then coalesce(before.top_shares[cardinality(before.top_shares)], 0)
            else 0
        end as was_unlisted_share,
        key_columns.column_name is not null as is_key,
        now.mean is not null and before.mean is not null as is_number,
        now.data_type in ('date', 'timestamp without time zone', 'timestamp with time zone') as is_time
    from profiled
    inner join profiles as now on profiled.relation = now.relation and profiled.release_id = now.release_id
    inner join profiles as before
        on
            now.relation = before.relation
            and now.column_name = before.column_name
            and profiled.was_release_id = before.release_id
    left join key_columns on now.relation = key_columns.relation and now.column_name = key_columns.column_name
    where before.row_count >= {{ thresholds['minimum rows'] }} and now.row_count > 0

),

rows_changed as (

    select
        release_id,
        was_release_id,
        relation,
        null::text as column_name,
        'rows' as measure,
        was_row_count::text as was_value,
        row_count::text as is_value,
        abs(row_count::double precision / was_row_count - 1) as change
    from profiled
    where was_row_count >= {{ thresholds['minimum rows'] }}

),

nulls_changed as (

    select
        release_id,
        was_release_id,
        relation,
        column_name,
        'nulls' as measure,
        round(was_null_share::numeric, 4)::text as was_value,
        round(null_share::numeric, 4)::text as is_value,
        abs(null_share - was_null_share) as change
    from pairs

),

-- more rows bring more values: what counts is what neither stays as it was nor follows the rows
distinct_changed as (

    select
        release_id,
        was_release_id,
        relation,
        column_name,
        'distinct' as measure,
        was_distinct_count::text as was_value,
        distinct_count::text as is_value,
        least(
            abs(distinct_count::double precision / was_distinct_count - 1),
            abs(distinct_count::double precision / was_distinct_count * was_row_count / row_count - 1)
        ) as change
    from pairs
    where was_distinct_count > 0

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
            when mean = was_mean then 0 else abs(mean - was_mean) / coalesce(nullif(was_standard_deviation, 0), abs(was_mean))
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

frequent_values as (

    select
        pairs.release_id,
        pairs.relation,
        pairs.column_name,
        frequent.value,
        max(frequent.share) as share,
        max(frequent.was_share) as was_share,
        coalesce(max(frequent.share), least(pairs.unlisted_share, max(frequent.was_share))) as likely_share,
        coalesce(max(frequent.was_share), least(pairs.was_unlisted_share, max(frequent.share))) as was_likely_share
    from pairs
    cross join lateral (
        select
            value,
            share,
            null::double precision as was_share
        from unnest(pairs.top_values, pairs.top_shares) as top (value, share)
        union all
        select
            value,
            null,
            was_share
        from unnest(pairs.was_top_values, pairs.was_top_shares) as top (value, was_share)
    ) as frequent
    where not pairs.is_time
    group by
        pairs.release_id, pairs.relation, pairs.column_name, pairs.unlisted_share, pairs.was_unlisted_share, frequent.value

),

-- total variation distance; what is not known of values outside of a list counts as no change
frequencies_changed as (

    select
        pairs.release_id,
        pairs.was_release_id,
        pairs.relation,
        pairs.column_name,
        'frequencies' as measure,
        max(pairs.was_top_values[1]) || ' ' || round(100 * max(pairs.was_top_shares[1])::numeric, 1) || ' %' as was_value,
        max(pairs.top_values[1]) || ' ' || round(100 * max(pairs.top_shares[1])::numeric, 1) || ' %' as is_value,
        greatest(
            sum(greatest(frequent_values.likely_share - frequent_values.was_likely_share, 0)),
            sum(greatest(frequent_values.was_likely_share - frequent_values.likely_share, 0))
        ) as change
    from pairs
    inner join frequent_values
        on
            pairs.release_id = frequent_values.release_id
            and pairs.relation = frequent_values.relation
            and pairs.column_name = frequent_values.column_name
    group by pairs.release_id, pairs.was_release_id, pairs.relation, pairs.column_name

),

values_changed as (

    select
        pairs.release_id,
        pairs.was_release_id,
        pairs.relation,
        pairs.column_name,
        case when frequent_values.was_share is null then 'new value' else 'lost value' end as measure,
        string_agg(frequent_values.value, ', ' order by frequent_values.value) filter (where frequent_values.share is null)
        as was_value,
        string_agg(frequent_values.value, ', ' order by frequent_values.value) filter (where frequent_values.was_share is null)
        as is_value,
        max(abs(frequent_values.likely_share - frequent_values.was_likely_share)) as change
    from pairs
    inner join frequent_values
        on
            pairs.release_id = frequent_values.release_id
            and pairs.relation = frequent_values.relation
            and pairs.column_name = frequent_values.column_name
    where
        not pairs.is_key
        and (frequent_values.share is null or frequent_values.was_share is null)
        and abs(frequent_values.likely_share - frequent_values.was_likely_share) > 0
    group by
        pairs.release_id, pairs.was_release_id, pairs.relation, pairs.column_name, frequent_values.was_share is null

),

changes as (

    select * from rows_changed
    union all
    select * from nulls_changed
    union all
    select * from distinct_changed
    union all
    select * from means_changed
    union all
    select * from spreads_changed
    union all
    select * from ranges_changed
    union all
    select * from frequencies_changed
    union all
    select * from values_changed

),

limits as (

    select *
    from (
        values
        {%- for measure, threshold in thresholds.items() if measure != 'minimum rows' %}
        ('{{ measure }}', {{ threshold }}::double precision){{ "," if not loop.last }}
        {%- endfor %}
    ) as given (measure, threshold)

),

final as (

    select
        changes.release_id,
        changes.was_release_id,
        changes.relation,
        changes.column_name,

        changes.measure,
        coalesce(changes.was_value, 'none') as was_value,
        coalesce(changes.is_value, 'none') as is_value,
        changes.change,
        limits.threshold,
        coalesce(changes.change > limits.threshold, false) as is_drift,
        changes.release_id = (select max(releases.release_id) from releases) as is_published
    from changes
    inner join limits on changes.measure = limits.measure

)

select * from final
