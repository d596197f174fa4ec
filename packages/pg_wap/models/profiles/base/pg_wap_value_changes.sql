{{ config(materialized='ephemeral') }}

with

pairs as (

    select * from {{ ref('pg_wap_profile_pairs') }}

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

final as (

    select * from frequencies_changed
    union all
    select * from values_changed

)

select * from final
