{{ config(materialized='table', indexes=[{'columns': ['stock_code']}]) }}

with

pairs as (

    select * from {{ ref('int_product_pairs') }}

),

baskets as (

    select * from {{ ref('int_basket_products') }}
    where basket_products <= {{ var('network_max_basket_products') }}

),

products as (

    select * from {{ ref('dim_product') }}
    where is_current

),

all_baskets as (

    select count(*)::integer as baskets
    from (select distinct invoice_number from baskets) as invoices

),

product_baskets as (

    select
        baskets.product_durable_key,
        products.stock_code,
        count(*)::integer as baskets
    from baskets
    inner join products on baskets.product_durable_key = products.product_durable_key
    group by baskets.product_durable_key, products.stock_code
    having count(*) >= {{ var('network_min_product_baskets') }}

),

pair_baskets as (

    select
        product_durable_key,
        paired_product_durable_key,
        sum(pair_baskets)::integer as baskets
    from pairs
    group by product_durable_key, paired_product_durable_key
    having sum(pair_baskets) >= {{ var('network_min_pair_baskets') }}

),

both_directions as (

    -- Confidence depends on which of the two products is given.
    select
        product_durable_key,
        paired_product_durable_key,
        baskets
    from pair_baskets

    union all

    select
        paired_product_durable_key as product_durable_key,
        product_durable_key as paired_product_durable_key,
        baskets
    from pair_baskets

),

final as (

    select
        both_directions.product_durable_key,
        both_directions.paired_product_durable_key,
        given.stock_code,
        paired.stock_code as paired_stock_code,

        both_directions.baskets as pair_baskets,
        given.baskets as product_baskets,
        paired.baskets as paired_product_baskets,
        all_baskets.baskets as all_baskets,

        both_directions.baskets::double precision / all_baskets.baskets as support,
        both_directions.baskets::double precision / given.baskets as confidence,
        both_directions.baskets::double precision * all_baskets.baskets
        / (given.baskets::double precision * paired.baskets) as lift,
        both_directions.baskets / sqrt(given.baskets::double precision * paired.baskets) as cosine
    from both_directions
    inner join product_baskets as given on both_directions.product_durable_key = given.product_durable_key
    inner join product_baskets as paired on both_directions.paired_product_durable_key = paired.product_durable_key
    cross join all_baskets
    -- Keeps the pairs of a product on few pages: a recommendation reads 28 blocks instead of 1,128.
    order by both_directions.product_durable_key, both_directions.paired_product_durable_key

)

select * from final
