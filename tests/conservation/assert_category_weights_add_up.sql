-- A report by category must have the same total as the lines, so the shares of a product must add up.
{{ config(group='merchandising', severity='error') }}

with

products as (

    select * from {{ ref('dim_product') }}
    where
        {{ pg_wap.is_touched('dim_product', 'product_key', column='product_key') }}
        or {{ pg_wap.is_touched('bridge_product_category', 'product_key') }}

),

weights as (

    select
        product_key,
        sum(weight) as weight
    from {{ ref('bridge_product_category') }}
    where
        {{ pg_wap.is_touched('dim_product', 'product_key', column='product_key') }}
        or {{ pg_wap.is_touched('bridge_product_category', 'product_key') }}
    group by product_key

),

final as (

    select
        coalesce(products.product_key, weights.product_key) as product_key,
        products.categories,
        weights.weight
    from products
    full outer join weights on products.product_key = weights.product_key
    where products.product_key is null or weights.weight is distinct from 1

)

select * from final
