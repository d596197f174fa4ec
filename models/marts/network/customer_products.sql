{{ config(
    unique_key=['customer_id', 'product_durable_key'],
    touched_by={'int_basket_products': 'customer_id'},
    check_column='customer_id',
    indexes=[{'columns': ['product_durable_key']}],
) }}

with

baskets as (

    select * from {{ ref('int_basket_products') }}
    where customer_id is not null {{ pg_wap.only_touched('customer_id', after='and') }}

),

final as (

    select
        customer_id,
        product_durable_key,

        count(*)::integer as baskets,
        max(invoiced_on) as last_bought_on
    from baskets
    group by customer_id, product_durable_key

)

select * from final
