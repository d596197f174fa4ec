{{ config(
    unique_key=['product_key', 'category'],
    touched_by={'dim_product': 'product_key'},
    logged_columns=['product_key'],
    check_column='product_key',
) }}

with

products as (

    select * from {{ ref('dim_product') }}
    {{ pg_wap.only_touched('product_key', by='lookup', after='where') }}

),

listed_categories as (

    select
        products.product_key,
        listed.category,
        listed.place,
        count(*) over (partition by products.product_key) as categories
    from products
    cross join unnest(string_to_array(products.categories, '; ')) with ordinality as listed (category, place)

),

shares as (

    select
        product_key,
        category,
        place,
        categories,
        trunc(1.0 / categories, 4) as equal_share
    from listed_categories

),

final as (

    select
        product_key,
        category,

        -- The first category takes the rounding difference, so that the weights of a product add up to one.
        case when place = 1 then 1 - (categories - 1) * equal_share else equal_share end as weight
    from shares

)

select * from final
