{{ config(
    materialized='incremental_by_partition',
    partition_by={
        'field': 'month_start',
        'granularity': 'month',
        'starts': "select distinct invoiced_on from {{ ref('int_trading_days') }}",
    },
    touched_by={'int_basket_products': 'invoiced_on'},
) }}
-- depends_on: {{ ref('int_trading_days') }}

with

baskets as (

    -- A wholesale order of hundreds of products would count more than all retail baskets of its month.
    select
        invoice_number,
        product_durable_key,
        invoiced_on
    from {{ ref('int_basket_products') }}
    where
        basket_products between 2 and {{ var('network_max_basket_products') }}
        {{ pg_wap.in_partition('invoiced_on', after='and') }}

),

final as (

    -- Each pair once, under the lower of the two keys.
    select
        {{ month_start('baskets.invoiced_on') }} as month_start,
        baskets.product_durable_key,
        others.product_durable_key as paired_product_durable_key,
        count(*)::integer as pair_baskets
    from baskets
    inner join baskets as others
        on
            baskets.invoice_number = others.invoice_number
            and baskets.product_durable_key < others.product_durable_key
    group by {{ month_start('baskets.invoiced_on') }}, baskets.product_durable_key, others.product_durable_key

)

select * from final
