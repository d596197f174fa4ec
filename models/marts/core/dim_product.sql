{{ config(
    unique_key='product_key',
    touched_by={'int_product_versions': 'stock_code', 'int_product_prices': 'stock_code'},
    logged_columns=['stock_code', 'product_key'],
    check_column='stock_code',
    indexes=[{'columns': ['stock_code']}],
) }}

{#- A price list that failed its checks must not reach the dimension. -#}
-- {{ wait_for_checks_on(ref('int_products_quarantined')) }}
with

known_versions as (

    {{ known_versions(
        pg_wap.snapshot_or_source(ref('snp_product_versions'), ref('int_product_versions')),
        'stock_code',
        ['description', 'product_class', 'categories', 'price_band'],
        more=pg_wap.only_touched('stock_code', after='and'),
    ) | indent }}

),

product_prices as (

    select * from {{ ref('int_product_prices') }}
    {{ pg_wap.only_touched('stock_code', after='where') }}

),

latest_prices as (

    select distinct on (stock_code)
        stock_code,
        unit_cost,
        list_price
    from product_prices
    where is_in_effect
    order by stock_code asc, effective_on desc

),

versions as (

    select
        stock_code,
        coalesce(description, 'Not described') as description,
        product_class,
        coalesce(split_part(categories, '; ', 1), 'Not categorised') as category,
        coalesce(categories, 'Not categorised') as categories,
        coalesce(price_band, 'Not priced') as price_band,
        valid_from,
        valid_to
    from known_versions

),

current_versions as (

    select
        stock_code,
        {{ tidy_text('description') }} as current_description,
        category as current_category,
        price_band as current_price_band
    from versions
    where valid_to = {{ end_of_time() }}

),

unknown_member as (

    select
        -1 as product_key,
        -1 as product_durable_key,
        null::text as stock_code,
        'Unknown' as description,
        'unknown' as product_class,
        'Unknown' as category,
        'Unknown' as categories,
        'Unknown' as price_band,
        'Unknown' as current_description,
        'Unknown' as current_category,
        'Unknown' as current_price_band,
        null::numeric(12, 4) as unit_cost,
        null::numeric(12, 4) as list_price,
        '0001-01-01'::date as valid_from,
        {{ end_of_time() }} as valid_to

),

members as (

    select
        {{ surrogate_key(['versions.stock_code', "to_char(versions.valid_from, 'YYYYMMDD')"]) }} as product_key,
        {{ surrogate_key(['versions.stock_code']) }} as product_durable_key,
        versions.stock_code,
        versions.description,
        versions.product_class,
        versions.category,
        versions.categories,
        versions.price_band,
        current_versions.current_description,
        current_versions.current_category,
        current_versions.current_price_band,
        latest_prices.unit_cost,
        latest_prices.list_price,
        versions.valid_from,
        versions.valid_to
    from versions
    inner join current_versions on versions.stock_code = current_versions.stock_code
    left join latest_prices on versions.stock_code = latest_prices.stock_code

    union all

    select * from unknown_member
    {{ pg_wap.only_touched('stock_code', after='where') }}

),

final as (

    select
        product_key,
        product_durable_key,
        stock_code,

        description,
        product_class,
        category,
        categories,
        price_band,

        current_description,
        current_category,
        current_price_band,

        unit_cost,
        list_price,
        unit_cost is not null as is_cost_known,

        valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from members

)

select * from final
