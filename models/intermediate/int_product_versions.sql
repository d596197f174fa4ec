{{ config(
    unique_key=['stock_code', 'valid_from'],
    touched_by={'int_product_months': 'stock_code', 'int_product_prices': 'stock_code'},
    check_column='stock_code',
) }}

{#- This model begins the history, so it waits for the checks on the delivery. -#}
-- {{ wait_for_checks_on(ref('int_lines_quarantined')) }}
with

product_months as (

    select * from {{ ref('int_product_months') }}
    {{ pg_wap.only_touched('stock_code', after='where') }}

),

product_prices as (

    select * from {{ ref('int_product_prices') }}
    {{ pg_wap.only_touched('stock_code', after='where') }}

),

product_classes as (

    select * from {{ ref('product_classes') }}

),

products as (

    select
        stock_code,
        min(month_start) as valid_from,
        count(charged_description) > 0 as is_named_on_charged_lines
    from product_months
    group by stock_code

),

entered_categories as (

    -- A product's history begins with its first line, for which the last earlier entry of the price list is valid.
    select distinct on (product_prices.stock_code, greatest(product_prices.effective_on, products.valid_from))
        product_prices.stock_code,
        greatest(product_prices.effective_on, products.valid_from) as valid_from,
        product_prices.categories
    from product_prices
    inner join products on product_prices.stock_code = products.stock_code
    where product_prices.is_in_effect and product_prices.categories is not null
    order by
        product_prices.stock_code asc,
        greatest(product_prices.effective_on, products.valid_from) asc,
        product_prices.effective_on desc

),

events as (

    -- If no charged line ever describes a product, the descriptions of all its lines count.
    select
        product_months.stock_code,
        product_months.month_start as valid_from,
        case
            when products.is_named_on_charged_lines then product_months.charged_description
            else product_months.noted_description
        end as description,
        null as categories,
        product_months.price_band
    from product_months
    inner join products on product_months.stock_code = products.stock_code

    union all

    select
        stock_code,
        valid_from,
        null as description,
        categories,
        null as price_band
    from entered_categories

),

days as (

    select
        stock_code,
        valid_from,
        max(description) as description,
        max(categories) as categories,
        max(price_band) as price_band
    from events
    group by stock_code, valid_from

),

runs as (

    -- A day without a value keeps the value before; days before the first value take the first value.
    select
        *,
        greatest(1, count(description) over so_far) as description_run,
        greatest(1, count(categories) over so_far) as categories_run,
        greatest(1, count(price_band) over so_far) as price_band_run
    from days
    window so_far as (partition by stock_code order by valid_from)

),

states as (

    select
        stock_code,
        valid_from,
        max(description) over (partition by stock_code, description_run) as description,
        max(categories) over (partition by stock_code, categories_run) as categories,
        max(price_band) over (partition by stock_code, price_band_run) as price_band
    from runs

),

states_in_order as (

    select
        *,
        row_number() over in_order as state_number,
        lag(description) over in_order as description_before,
        lag(categories) over in_order as categories_before,
        lag(price_band) over in_order as price_band_before
    from states
    window in_order as (partition by stock_code order by valid_from)

),

final as (

    select
        states_in_order.stock_code,
        states_in_order.valid_from,

        states_in_order.description,
        coalesce(product_classes.product_class, 'merchandise') as product_class,
        states_in_order.categories,
        states_in_order.price_band
    from states_in_order
    left join product_classes
        on {{ stock_code_family('states_in_order.stock_code') }} = product_classes.stock_code
    where
        states_in_order.state_number = 1
        or states_in_order.description is distinct from states_in_order.description_before
        or states_in_order.categories is distinct from states_in_order.categories_before
        or states_in_order.price_band is distinct from states_in_order.price_band_before

)

select * from final
