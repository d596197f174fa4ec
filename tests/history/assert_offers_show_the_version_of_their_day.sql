-- A product on offer is analysed by its description, category and price band of the day, so it has to be that version.
with

offered as (

    -- a version is valid without a break, so its first and last day tell about all between
    select
        product_key,
        product_durable_key,
        to_date(min(date_key)::text, 'YYYYMMDD') as first_offered_on,
        to_date(max(date_key)::text, 'YYYYMMDD') as last_offered_on
    from {{ touched_rows(ref('fct_product_offered_day')) }}
    group by product_key, product_durable_key

),

products as (

    select * from {{ ref('dim_product') }}

),

final as (

    select
        offered.*,
        products.valid_from,
        products.valid_to
    from offered
    left join products
        on offered.product_key = products.product_key and offered.product_durable_key = products.product_durable_key
    where
        products.product_key is null
        or offered.first_offered_on < products.valid_from
        or offered.last_offered_on >= products.valid_to

)

select * from final
