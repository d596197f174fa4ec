{{ config(materialized='table') }}

{%- set damping = 0.85 %}
{%- set most_steps = 500 %}
{%- set smallest_move = '1e-12' %}

with recursive

edges as (

    select * from {{ ref('product_pairs') }}

),

products as materialized (

    select
        product_durable_key,
        stock_code,
        count(*)::integer as neighbours,
        (row_number() over (order by product_durable_key))::integer as position
    from edges
    group by product_durable_key, stock_code

),

shares as materialized (

    -- A product passes its rank on to its neighbours, by their cosines.
    select
        given.position,
        paired.position as paired_position,
        edges.cosine / sum(edges.cosine) over (partition by edges.product_durable_key) as share
    from edges
    inner join products as given on edges.product_durable_key = given.product_durable_key
    inner join products as paired on edges.paired_product_durable_key = paired.product_durable_key

),

steps as (

    -- PageRank by power iteration. A step is one row with the ranks of all products as an array, because PostgreSQL
    -- refuses an aggregate over the recursive relation itself.
    select
        0 as step,
        array_fill(1 / count(*)::double precision, array[count(*)::integer]) as ranks,
        1::double precision as moved
    from products
    having count(*) > 0

    union all

    select
        steps.step + 1 as step,
        following.ranks,
        following.moved
    from steps
    cross join
        lateral (
            select
                array_agg(passed.rank order by passed.position) as ranks,
                sum(abs(passed.rank - steps.ranks[passed.position])) as moved
            from (
                select
                    shares.paired_position as position,
                    (1 - {{ damping }}) / cardinality(steps.ranks)
                    + {{ damping }} * sum(shares.share * steps.ranks[shares.position]) as rank
                from shares
                group by shares.paired_position
            ) as passed
        ) as following
    where steps.step < {{ most_steps }} and steps.moved > {{ smallest_move }}

),

last_step as (

    select ranks
    from steps
    order by step desc
    limit 1

),

final as (

    select
        products.product_durable_key,
        products.stock_code,

        products.neighbours,
        -- The last digits depend on the order of the sums, which differs from build to build.
        last_step.ranks[products.position]::numeric(11, 10) as pagerank
    from products
    cross join last_step

)

select * from final
