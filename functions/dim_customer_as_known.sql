with

known_versions as (

    {{ known_versions(
        ref('snp_customer_versions').include(database=false),
        'customer_id',
        ['country_name', 'segment'],
        known_at="(least(dim_customer_as_known.known_at, " ~ pg_wap.known_until() ~ ") at time zone 'utc')",
    ) | indent }}

),

final as (

    select
        customer_id,

        country_name,
        segment,

        valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from known_versions

)

select * from final
