{#- The gates on what was delivered (ledger, quarantine, conservation) look at the quarantine too, and dbt lets a model
    wait for a gate only if it comes after all that the gate looks at. History is written from here on, so it waits. -#}
-- depends_on: {{ ref('int_lines_quarantined') }}
with

lines as (

    select * from {{ ref('int_lines_classified') }}

),

product_prices as (

    select * from {{ ref('int_product_prices') }}

),

product_classes as (

    select * from {{ ref('product_classes') }}

),

price_bands as (

    select * from {{ ref('price_bands') }}

),

monthly_lines as (

    select
        stock_code,
        date_trunc('month', invoiced_on)::date as month_start,
        description,
        unit_price,
        count(*) as lines,
        count(*) filter (where quantity > 0 and unit_price > 0 and not is_cancellation) as charged_lines,
        count(*) filter (where line_type = 'sale') as sale_lines
    from lines
    group by stock_code, date_trunc('month', invoiced_on), description, unit_price

),

products as (

    select
        stock_code,
        min(month_start) as valid_from,
        sum(charged_lines) > 0 as is_ever_charged
    from monthly_lines
    group by stock_code

),

monthly_descriptions as (

    select
        stock_code,
        month_start,
        description,
        sum(lines) as lines,
        sum(charged_lines) as charged_lines
    from monthly_lines
    where description is not null
    group by stock_code, month_start, description

),

candidates as (

    -- a product that was never sold goes by all its lines
    select monthly_descriptions.*
    from monthly_descriptions
    inner join products on monthly_descriptions.stock_code = products.stock_code
    where
        (monthly_descriptions.charged_lines > 0 or not products.is_ever_charged)
        and not {{ is_stock_note('monthly_descriptions.description') }}

),

elected_descriptions as (

    -- one description a product and month: that of most charged lines
    select distinct on (stock_code, month_start)
        stock_code,
        month_start,
        description
    from candidates
    order by stock_code asc, month_start asc, charged_lines desc, lines desc, description collate "C" asc

),

monthly_prices as (

    select
        stock_code,
        month_start,
        unit_price,
        sum(sale_lines) as sale_lines
    from monthly_lines
    where sale_lines > 0
    group by stock_code, month_start, unit_price

),

usual_prices as (

    -- the price that most sale lines of the month were charged at, the lower of equals
    select distinct on (stock_code, month_start)
        stock_code,
        month_start,
        unit_price
    from monthly_prices
    order by stock_code asc, month_start asc, sale_lines desc, unit_price asc

),

entered_categories as (

    -- a product's history begins with its first line: of older entries of the price list, the last holds by then
    select distinct on (product_prices.stock_code, greatest(product_prices.effective_on, products.valid_from))
        product_prices.stock_code,
        greatest(product_prices.effective_on, products.valid_from) as valid_from,
        product_prices.categories
    from product_prices
    inner join products on product_prices.stock_code = products.stock_code
    where product_prices.categories is not null
    order by
        product_prices.stock_code asc,
        greatest(product_prices.effective_on, products.valid_from) asc,
        product_prices.effective_on desc

),

events as (

    select
        stock_code,
        valid_from,
        null as description,
        null as categories,
        null as price_band
    from products

    union all

    select
        stock_code,
        month_start as valid_from,
        description,
        null as categories,
        null as price_band
    from elected_descriptions

    union all

    select
        stock_code,
        valid_from,
        null as description,
        categories,
        null as price_band
    from entered_categories

    union all

    select
        usual_prices.stock_code,
        usual_prices.month_start as valid_from,
        null as description,
        null as categories,
        price_bands.price_band
    from usual_prices
    inner join price_bands
        on
            usual_prices.unit_price >= price_bands.lower_price
            and usual_prices.unit_price < price_bands.upper_price

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

    -- what a day does not tell stays as it was; what was not told by then is as it was told first
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
