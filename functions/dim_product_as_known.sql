with

known_versions as (

    {{ known_versions(
        ref('snp_product_versions').include(database=false),
        'stock_code',
        ['description', 'product_class', 'categories', 'price_band'],
        known_at="(least(dim_product_as_known.known_at, " ~ pg_wap.known_until() ~ ") at time zone 'utc')",
    ) | indent }}

),

final as (

    select
        stock_code,

        coalesce(description, 'Not described') as description,
        product_class,
        coalesce(split_part(categories, '; ', 1), 'Not categorised') as category,
        coalesce(categories, 'Not categorised') as categories,
        coalesce(price_band, 'Not priced') as price_band,

        valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from known_versions

)

select * from final
