-- A product on offer is analysed by its description, category and price band of the day, so each day from its first
-- sale on needs exactly one version.
{{ config(group='merchandising', severity='error') }}

with

touched_spans as (

    select * from {{ pg_wap.touched_rows(ref('fct_product_sold_days')) }}

),

touched_products as (

    select * from {{ pg_wap.touched_rows(ref('dim_product')) }}
    where is_current

),

spans as (

    select * from {{ ref('fct_product_sold_days') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

offers as (

    select
        product_durable_key,
        span_start,
        sold_days
    from touched_spans

    union all

    select
        spans.product_durable_key,
        spans.span_start,
        spans.sold_days
    from touched_products
    inner join spans on touched_products.product_durable_key = spans.product_durable_key

),

first_offers as (

    select
        product_durable_key,
        -- The lowest bit is the first day with a sale.
        min(span_start + bit_count(((sold_days & -sold_days) - 1)::bit(56))::integer) as first_offered_on
    from offers
    group by product_durable_key

),

final as (

    -- The versions of dim_product cannot overlap, so no day is missing if their days add up.
    select
        first_offers.product_durable_key,
        first_offers.first_offered_on,
        sum(products.valid_to - greatest(products.valid_from, first_offers.first_offered_on)) as days_described
    from first_offers
    left join products
        on
            first_offers.product_durable_key = products.product_durable_key
            and first_offers.first_offered_on < products.valid_to
    group by first_offers.product_durable_key, first_offers.first_offered_on
    having
        sum(products.valid_to - greatest(products.valid_from, first_offers.first_offered_on))
        is distinct from {{ end_of_time() }} - first_offers.first_offered_on

)

select * from final
