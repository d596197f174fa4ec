{{ config(enabled=var('network', false) | as_bool) }}

-- Merchandising: how good are recommendations to a customer? The hit rate is the share of the customers of the last
-- closed month, or of `--vars '{network: true, network_test_month: 2011-10-01}'`, who bought one of ten recommended
-- products in it. Recommendations are made from the months before; products that the customer had are never offered.
with

{{ month_to_test() }}

-- What was known before the month.

{{ trained_before('(select test_month.month_start from test_month)') }}

owned as materialized (

    select distinct
        customer_id,
        product_durable_key
    from {{ ref('int_basket_products') }}
    where invoiced_on < (select test_month.month_start from test_month) and customer_id is not null

),

-- What was bought next: products that are new to a customer who bought before.

bought as materialized (

    select distinct
        baskets.customer_id,
        baskets.product_durable_key
    from {{ ref('int_basket_products') }} as baskets
    left join owned
        on baskets.customer_id = owned.customer_id and baskets.product_durable_key = owned.product_durable_key
    where
        {{ month_start('baskets.invoiced_on') }} = (select test_month.month_start from test_month)
        and baskets.customer_id in (select known.customer_id from owned as known)
        and owned.customer_id is null

),

shelves as (

    select
        customer_id,
        count(*) as products
    from owned
    group by customer_id

),

customers as materialized (

    select
        bought.customer_id,
        count(*) as new_products,
        (select count(*) from product_baskets) - min(shelves.products) as products_to_choose
    from bought
    inner join shelves on bought.customer_id = shelves.customer_id
    group by bought.customer_id

),

-- Ten products by each way to answer.

offers as materialized (

    select
        customers.customer_id,
        product_baskets.product_durable_key,
        product_baskets.baskets
    from customers
    cross join product_baskets
    left join owned
        on
            customers.customer_id = owned.customer_id
            and product_baskets.product_durable_key = owned.product_durable_key
    where owned.customer_id is null

),

scores as (

    select
        owned.customer_id,
        cosines.paired_product_durable_key as product_durable_key,
        sum(cosines.cosine) as score
    from owned
    inner join cosines on owned.product_durable_key = cosines.product_durable_key
    where owned.customer_id in (select customers.customer_id from customers)
    group by owned.customer_id, cosines.paired_product_durable_key

),

ranked as (

    select
        offers.customer_id,
        offers.product_durable_key,
        row_number() over (
            partition by offers.customer_id
            order by scores.score desc nulls last, offers.product_durable_key asc
        ) as place_recommended,
        row_number() over (
            partition by offers.customer_id
            order by offers.baskets desc, offers.product_durable_key asc
        ) as place_popular
    from offers
    left join scores
        on offers.customer_id = scores.customer_id and offers.product_durable_key = scores.product_durable_key

),

hits as (

    select
        bought.customer_id,
        bool_or(ranked.place_recommended <= 10) as is_recommended,
        bool_or(ranked.place_popular <= 10) as is_popular
    from bought
    inner join ranked
        on bought.customer_id = ranked.customer_id and bought.product_durable_key = ranked.product_durable_key
    group by bought.customer_id

),

final as (

    -- Ten products by chance all miss with the probability that none of them is one of the new ones.
    select
        (select test_month.month_start from test_month) as test_month,
        count(*) as customers,
        avg(coalesce(hits.is_recommended, false)::integer)::numeric(6, 4) as hit_rate_recommended,
        avg(coalesce(hits.is_popular, false)::integer)::numeric(6, 4) as hit_rate_popular,
        avg(
            1 - power(1 - customers.new_products::double precision / customers.products_to_choose, 10)
        )::numeric(6, 4) as hit_rate_random
    from customers
    left join hits on customers.customer_id = hits.customer_id

)

select * from final
