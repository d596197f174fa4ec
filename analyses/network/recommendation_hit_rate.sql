{{ config(enabled=var('network', false) | as_bool) }}

-- Merchandising: how good are recommendations beside a basket that they have not seen? Of each basket of the last
-- closed month, or of `--vars '{network: true, network_test_month: 2011-10-01}'`, one product is hidden, the same in
-- each run. The hit rate is the share of baskets whose hidden product is among ten recommended ones, made from the
-- months before.
with

{{ month_to_test() }}

-- What was known before the month.

{{ trained_before('(select test_month.month_start from test_month)') }}

-- What is asked.

test_baskets as materialized (

    select
        invoice_number,
        product_durable_key,
        basket_products,
        row_number() over (
            partition by invoice_number
            order by md5(invoice_number || product_durable_key)
        ) = 1 as is_hidden
    from {{ ref('int_basket_products') }}
    where
        {{ month_start('invoiced_on') }} = (select test_month.month_start from test_month)
        and basket_products between 2 and {{ var('network_max_basket_products') }}

),

hidden as materialized (

    select * from test_baskets
    where is_hidden

),

seen as materialized (

    select * from test_baskets
    where not is_hidden

),

-- Three ways to answer. A rank is one more than the number of products that come before, so ties are no luck.

scores as (

    select
        seen.invoice_number,
        cosines.paired_product_durable_key as product_durable_key,
        sum(cosines.cosine) as score
    from seen
    inner join cosines on seen.product_durable_key = cosines.product_durable_key
    group by seen.invoice_number, cosines.paired_product_durable_key

),

unseen_scores as (

    select scores.*
    from scores
    left join seen
        on
            scores.invoice_number = seen.invoice_number
            and scores.product_durable_key = seen.product_durable_key
    where seen.product_durable_key is null

),

recommended as (

    select
        invoice_number,
        product_durable_key,
        row_number() over (partition by invoice_number order by score desc, product_durable_key asc) as place
    from unseen_scores

),

by_popularity as (

    select
        product_durable_key,
        row_number() over (order by baskets desc, product_durable_key asc) as place
    from product_baskets

),

popular as (

    -- The place among the products that are not in the basket.
    select
        hidden.invoice_number,
        by_popularity.place - count(more_popular.place) as place
    from hidden
    inner join by_popularity on hidden.product_durable_key = by_popularity.product_durable_key
    left join seen on hidden.invoice_number = seen.invoice_number
    left join by_popularity as more_popular
        on
            seen.product_durable_key = more_popular.product_durable_key
            and by_popularity.place > more_popular.place
    group by hidden.invoice_number, by_popularity.place

),

final as (

    select
        (select test_month.month_start from test_month) as test_month,
        count(*) as baskets,
        avg(coalesce(recommended.place <= 10, false)::integer)::numeric(6, 4) as hit_rate_recommended,
        avg(coalesce(popular.place <= 10, false)::integer)::numeric(6, 4) as hit_rate_popular,
        avg(
            10.0 / ((select count(*) from product_baskets) - hidden.basket_products + 1)
        )::numeric(6, 4) as hit_rate_random
    from hidden
    left join recommended
        on
            hidden.invoice_number = recommended.invoice_number
            and hidden.product_durable_key = recommended.product_durable_key
    left join popular on hidden.invoice_number = popular.invoice_number

)

select * from final
