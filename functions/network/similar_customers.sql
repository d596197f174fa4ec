with

bought as not materialized (

    select * from {{ ref('customer_products').include(database=false) }}

),

shared as (

    select
        others.customer_id,
        count(*)::integer as shared_products
    from bought
    inner join bought as others on bought.product_durable_key = others.product_durable_key
    where bought.customer_id = similar_customers.customer_id and others.customer_id <> similar_customers.customer_id
    group by others.customer_id

),

sizes as (

    select
        customer_id,
        count(*)::integer as products
    from bought
    group by customer_id

),

final as (

    select
        shared.customer_id,
        shared.shared_products / sqrt(sizes.products::double precision * own.products) as similarity,
        shared.shared_products,
        sizes.products
    from shared
    inner join sizes on shared.customer_id = sizes.customer_id
    inner join sizes as own on own.customer_id = similar_customers.customer_id
    order by 2 desc, shared.customer_id asc
    limit greatest(similar_customers.n, 0)

)

select * from final
