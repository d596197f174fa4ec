{#- The gate on the price list looks at its quarantine too, and dbt lets a model wait for a gate only if it comes after
    all that the gate looks at. -#}
-- depends_on: {{ ref('int_products_quarantined') }}
with

known_versions as (

    select *
    from {{ ref('snp_product_versions') }}
    where dbt_valid_to is null

),

product_prices as (

    select * from {{ ref('int_product_prices') }}

),

latest_prices as (

    select distinct on (stock_code)
        stock_code,
        category,
        unit_cost,
        list_price
    from product_prices
    order by stock_code asc, effective_on desc

),

versions as (

    select
        stock_code,
        coalesce(description, 'Not described') as description,
        product_class,
        valid_from,
        lead(valid_from, 1, {{ end_of_time() }}) over (partition by stock_code order by valid_from) as valid_to
    from known_versions

),

unknown_member as (

    select
        -1 as product_key,
        null::text as stock_code,
        'Unknown' as description,
        'unknown' as product_class,
        'Unknown' as category,
        null::numeric(12, 4) as unit_cost,
        null::numeric(12, 4) as list_price,
        '0001-01-01'::date as valid_from,
        {{ end_of_time() }} as valid_to

),

members as (

    select
        {{ surrogate_key(['versions.stock_code', "to_char(versions.valid_from, 'YYYYMMDD')"]) }} as product_key,
        versions.stock_code,
        versions.description,
        versions.product_class,
        coalesce(latest_prices.category, 'Not categorised') as category,
        latest_prices.unit_cost,
        latest_prices.list_price,
        versions.valid_from,
        versions.valid_to
    from versions
    left join latest_prices on versions.stock_code = latest_prices.stock_code

    union all

    select * from unknown_member

),

final as (

    select
        product_key,
        stock_code,

        description,
        product_class,
        category,

        unit_cost,
        list_price,

        valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from members

)

select * from final
