{{ config(materialized='ephemeral') }}

with

profiles as (

    select * from {{ ref('pg_wap_column_profiles') }}

),

relation_keys as (

    select * from {{ ref('pg_wap_relation_keys') }}

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

final as (

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
    where before.row_count > 0 and now.row_count > 0

)

select * from final
