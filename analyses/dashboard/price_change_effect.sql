-- Merchandising, after each month end: for which twenty products did a price change move the most money? Compares the
-- last three closed months with the same months last year: the effect of the new price on today's units, and the
-- effect of the new units at the old price, add up to the change of sales. The price is the average paid per unit,
-- with quantity discounts.
with

products as (

    select * from {{ ref('dim_product') }}
    where is_current

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

months as (

    select
        ({{ month_start('date_day + 1') }} - interval '3 months')::date as first_month,
        {{ month_start('date_day + 1') }} as end_month,
        ({{ month_start('date_day + 1') }} - interval '15 months')::date as first_month_before,
        ({{ month_start('date_day + 1') }} - interval '12 months')::date as end_month_before
    from last_day

),

after as (

    select
        product_durable_key,
        sum(units_sold) as units,
        sum(net_amount) as amount
    from {{ ref('monthly_product_sales') }}
    where
        month_start >= (select months.first_month from months)
        and month_start < (select months.end_month from months)
        and line_type = 'sale'
    group by product_durable_key
    having sum(units_sold) > 0

),

before as (

    select
        product_durable_key,
        sum(units_sold) as units,
        sum(net_amount) as amount
    from {{ ref('monthly_product_sales') }}
    where
        month_start >= (select months.first_month_before from months)
        and month_start < (select months.end_month_before from months)
        and line_type = 'sale'
    group by product_durable_key
    having sum(units_sold) > 0

),

effects as (

    select
        after.product_durable_key,
        before.units as units_before,
        after.units,
        before.amount as amount_before,
        after.amount,
        after.amount - after.units * before.amount / before.units as price_effect
    from after
    inner join before on after.product_durable_key = before.product_durable_key

),

greatest_effects as (

    select * from effects
    order by abs(price_effect) desc, product_durable_key asc
    limit 20

),

final as (

    select
        products.stock_code,
        products.current_description,
        round(greatest_effects.amount_before / greatest_effects.units_before, 4) as price_before,
        round(greatest_effects.amount / greatest_effects.units, 4) as price,
        greatest_effects.units_before,
        greatest_effects.units,
        round(greatest_effects.amount_before, 2) as amount_before,
        round(greatest_effects.amount, 2) as amount,
        round(greatest_effects.price_effect, 2) as price_effect,
        round(greatest_effects.amount - greatest_effects.amount_before - greatest_effects.price_effect, 2)
            as volume_effect
    from greatest_effects
    inner join products on greatest_effects.product_durable_key = products.product_durable_key

)

select * from final
order by abs(price_effect) desc, stock_code asc
