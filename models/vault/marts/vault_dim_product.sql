with

products as (

    select * from {{ ref('hub_product') }}

),

points as (

    select * from {{ ref('pit_product') }}

),

product_versions as (

    select * from {{ pg_vault.current_readings(ref('csat_product_version')) }} as readings

),

product_prices as (

    select * from {{ pg_vault.current_readings(ref('sat_product_price')) }} as readings

),

last_day as (

    select max(applied_at)::date as invoiced_on from {{ ref('bridge_sales') }}

),

versions_in_time as (

    select
        product_hk,
        csat_product_version_applied_at as valid_from
    from points
    where csat_product_version_applied_at is not null
    group by product_hk, csat_product_version_applied_at

),

versions as (

    select
        versions_in_time.product_hk,
        products.stock_code,
        coalesce(product_versions.description, 'Not described') as description,
        product_versions.product_class,
        coalesce(split_part(product_versions.categories, '; ', 1), 'Not categorised') as category,
        coalesce(product_versions.categories, 'Not categorised') as categories,
        coalesce(product_versions.price_band, 'Not priced') as price_band,
        versions_in_time.valid_from,
        lead(versions_in_time.valid_from, 1, {{ end_of_time() }}) over in_order as valid_to
    from versions_in_time
    inner join products on versions_in_time.product_hk = products.product_hk
    inner join product_versions
        on
            versions_in_time.product_hk = product_versions.product_hk
            and versions_in_time.valid_from = product_versions.applied_at
    window in_order as (partition by versions_in_time.product_hk order by versions_in_time.valid_from)

),

latest_prices as (

    -- Several rows of one day: the file landed last wins, and within a file the content decides.
    select distinct on (product_hk)
        product_hk,
        unit_cost,
        list_price
    from product_prices
    where applied_at <= (select last_day.invoiced_on from last_day)
    order by
        product_hk asc,
        applied_at desc,
        file_id desc,
        unit_cost desc,
        list_price desc nulls last,
        category_list collate "C" asc,
        file_line asc

),

final as (

    select
        {{ surrogate_key(['versions.stock_code', "to_char(versions.valid_from, 'YYYYMMDD')"]) }} as product_key,
        versions.product_hk as product_durable_key,
        versions.stock_code,

        versions.description,
        versions.product_class,
        versions.category,
        versions.categories,
        versions.price_band,

        {{ tidy_text('current_versions.description') }} as current_description,
        current_versions.category as current_category,
        current_versions.price_band as current_price_band,

        latest_prices.unit_cost,
        latest_prices.list_price,
        latest_prices.unit_cost is not null as is_cost_known,

        versions.valid_from,
        versions.valid_to,
        versions.valid_to = {{ end_of_time() }} as is_current
    from versions
    inner join versions as current_versions
        on versions.product_hk = current_versions.product_hk and current_versions.valid_to = {{ end_of_time() }}
    left join latest_prices on versions.product_hk = latest_prices.product_hk

    union all

    -- The unknown member.
    select
        -1 as product_key,
        -1 as product_durable_key,
        null as stock_code,

        'Unknown' as description,
        'unknown' as product_class,
        'Unknown' as category,
        'Unknown' as categories,
        'Unknown' as price_band,

        'Unknown' as current_description,
        'Unknown' as current_category,
        'Unknown' as current_price_band,

        null as unit_cost,
        null as list_price,
        false as is_cost_known,

        '0001-01-01' as valid_from,
        {{ end_of_time() }} as valid_to,
        true as is_current

)

select * from final
