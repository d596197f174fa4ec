with

published_rows as (

    select * from {{ source('operations', 'published_rows') }}

),

publications as (

    select * from {{ ref('ops_publications') }}

),

final as (

    select
        published_rows.relation,
        published_rows.publication_id,

        publications.kind,
        published_rows.relation = any(string_to_array(publications.changed_models, ', ')) as is_changed,

        published_rows.row_estimate,
        published_rows.row_estimate - lag(published_rows.row_estimate) over (
            partition by published_rows.relation
            order by published_rows.publication_id
        ) as row_change,
        publications.files,

        publications.published_at,
        publications.last_landed_at,
        publications.published_at - publications.last_landed_at as data_age
    from published_rows
    inner join publications on published_rows.publication_id = publications.publication_id

)

select * from final
