with

known_versions as (

    {{ known_versions(
        ref('snp_customer_versions').include(database=false),
        'customer_id',
        ['country_name', 'segment'],
        known_at="(least(dim_customer_as_known.known_at, " ~ pg_wap.known_until() ~ ") at time zone 'utc')",
    ) | indent }}

),

countries as (

    select * from {{ ref('countries').include(database=false) }}

),

named_versions as (

    select
        known_versions.*,
        coalesce(countries.standard_name, known_versions.country_name) as standard_country_name
    from known_versions
    left join countries on known_versions.country_name = countries.country_name

),

final as (

    select
        customer_id,

        standard_country_name as country_name,
        segment,

        valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from named_versions

)

select * from final
