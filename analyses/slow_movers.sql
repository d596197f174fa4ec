{%- set idle_days = 10 -%}

with

offers as (

    select * from {{ ref('fct_product_offered_day') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

last_day as (

    select max(date_key) as date_key from {{ ref('fct_product_offered_day') }}

),

product_totals as (

    select
        product_durable_key,
        count(*) as days_on_offer,
        count(*) filter (where is_sold) as days_sold
    from offers
    group by product_durable_key

),

final as (

    -- on offer today, and not sold for so many trading days
    select
        products.stock_code,
        products.current_description,
        products.current_category,
        offers.days_since_sold,
        product_totals.days_on_offer,
        product_totals.days_sold,
        round(product_totals.days_sold::numeric / product_totals.days_on_offer, 4) as share_of_days_sold
    from offers
    inner join last_day on offers.date_key = last_day.date_key
    inner join products on offers.product_key = products.product_key
    inner join product_totals on offers.product_durable_key = product_totals.product_durable_key
    where offers.days_since_sold >= {{ idle_days }}

)

select * from final
order by days_since_sold desc, share_of_days_sold asc, stock_code asc
