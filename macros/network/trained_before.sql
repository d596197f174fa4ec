{% macro trained_before(month) -%}
product_baskets as materialized (

    select
        product_durable_key,
        count(*)::double precision as baskets
    from {{ ref('int_basket_products') }}
    where basket_products <= {{ var('network_max_basket_products') }} and invoiced_on < {{ month }}
    group by product_durable_key

),

pairs as (

    select
        product_durable_key,
        paired_product_durable_key,
        sum(pair_baskets) as baskets
    from {{ ref('int_product_pairs') }}
    where month_start < {{ month }}
    group by product_durable_key, paired_product_durable_key
    having sum(pair_baskets) >= {{ var('network_min_pair_baskets') }}

),

both_directions as (

    select
        product_durable_key,
        paired_product_durable_key,
        baskets
    from pairs
    union all
    select
        paired_product_durable_key,
        product_durable_key,
        baskets
    from pairs

),

cosines as materialized (

    select
        both_directions.product_durable_key,
        both_directions.paired_product_durable_key,
        both_directions.baskets / sqrt(given.baskets * paired.baskets) as cosine
    from both_directions
    inner join product_baskets as given on both_directions.product_durable_key = given.product_durable_key
    inner join product_baskets as paired on both_directions.paired_product_durable_key = paired.product_durable_key
    where least(given.baskets, paired.baskets) >= {{ var('network_min_product_baskets') }}

),
{%- endmacro %}
