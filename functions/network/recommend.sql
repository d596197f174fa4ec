with

pairs as (

    select * from {{ ref('product_pairs').include(database=false) }}
    where stock_code = upper(btrim(recommend.stock_code))

),

products as (

    select * from {{ ref('dim_product').include(database=false) }}
    where is_current

),

final as (

    select
        pairs.paired_stock_code as stock_code,
        products.current_description as description,
        pairs.cosine,
        pairs.confidence,
        pairs.lift,
        pairs.pair_baskets
    from pairs
    inner join products on pairs.paired_stock_code = products.stock_code
    order by pairs.cosine desc, pairs.paired_stock_code asc
    limit greatest(recommend.n, 0)

)

select * from final
