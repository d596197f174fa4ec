{{ config(materialized='table') }}

with recursive

edges as (

    select * from {{ ref('product_pairs') }}

),

products as (

    select distinct
        product_durable_key,
        stock_code,
        product_baskets as baskets
    from edges

),

ranked_neighbours as (

    select
        stock_code,
        paired_stock_code,
        row_number() over (partition by stock_code order by cosine desc, paired_stock_code collate "C" asc) as closeness
    from edges
    where lift > 1 and cosine >= {{ var('network_min_cosine') }}

),

close_neighbours as (

    select
        stock_code,
        paired_stock_code
    from ranked_neighbours
    where closeness <= {{ var('network_neighbours') }}

),

strong_edges as materialized (

    -- Each of the two is a close neighbour of the other, so that no bestseller joins everything into one community.
    select close_neighbours.*
    from close_neighbours
    inner join close_neighbours as returned
        on
            close_neighbours.stock_code = returned.paired_stock_code
            and close_neighbours.paired_stock_code = returned.stock_code

),

reached as (

    -- Which products are reached from which, along strong edges.
    select
        stock_code,
        stock_code as reached_from
    from products

    union

    select
        strong_edges.paired_stock_code as stock_code,
        reached.reached_from
    from reached
    inner join strong_edges on reached.stock_code = strong_edges.stock_code

),

communities as (

    -- Each product of a community reaches all of them, and the first code names it.
    select
        stock_code,
        min(reached_from collate "C") as community
    from reached
    group by stock_code

),

final as (

    select
        products.product_durable_key,
        products.stock_code,

        communities.community,
        (count(*) over (partition by communities.community))::integer as community_products,
        products.baskets
    from products
    inner join communities on products.stock_code = communities.stock_code

)

select * from final
