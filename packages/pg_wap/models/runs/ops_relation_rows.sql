with

published_rows as (

    select * from {{ ref('pg_wap_published_rows') }}

),

releases as (

    select * from {{ ref('ops_releases') }}

),

final as (

    select
        published_rows.relation,
        published_rows.release_id,

        releases.kind,
        published_rows.relation = any(string_to_array(releases.changed_models, ', ')) as is_changed,

        published_rows.row_estimate,
        published_rows.row_estimate - lag(published_rows.row_estimate) over (
            partition by published_rows.relation
            order by published_rows.release_id
        ) as row_change,
        releases.files,

        releases.published_at,
        releases.last_landed_at,
        releases.published_at - releases.last_landed_at as data_age
    from published_rows
    inner join releases on published_rows.release_id = releases.release_id

)

select * from final
