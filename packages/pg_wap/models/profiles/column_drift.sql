{%- set thresholds = pg_wap.drift_thresholds(var("pg_wap_drift_thresholds", {})) -%}

with

profiles as (

    select * from {{ ref('pg_wap_column_profiles') }}

),

pairs as (

    select * from {{ ref('pg_wap_profile_pairs') }}

),

number_changes as (

    select * from {{ ref('pg_wap_number_changes') }}

),

value_changes as (

    select * from {{ ref('pg_wap_value_changes') }}

),

releases as (

    select * from {{ ref('pg_wap_releases') }}

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
    where was_row_count > 0

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

changes as (

    select * from rows_changed
    union all
    select * from nulls_changed
    union all
    select * from distinct_changed
    union all
    select * from number_changes
    union all
    select * from value_changes

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
    inner join profiled on changes.relation = profiled.relation and changes.release_id = profiled.release_id
    where profiled.was_row_count >= {{ thresholds['minimum rows'] }}

)

select * from final
