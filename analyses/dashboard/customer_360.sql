{%- set customer_id = var("customer_id", none) -%}

-- Customer service, during a call: who is this customer, what did they order, how are they rated, and what were they
-- billed? Pass the number as `--vars 'customer_id: 12345'`; the default is the customer who ordered last.
with

customers as (

    select * from {{ ref('dim_customer') }}
    where is_current

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

last_order as (

    select customer_durable_key from {{ ref('fct_invoice_lifecycle') }}
    where customer_durable_key <> -1
    order by date_day desc, invoice_number desc
    limit 1

),

customer as (

    select * from customers
    {% if customer_id is none -%}
    where customer_durable_key = (select last_order.customer_durable_key from last_order)
    {%- else -%}
    where customer_id = {{ customer_id | int }}
    {%- endif %}

),

orders as (

    select
        count(*) as orders,
        min(date_day) as first_order_date,
        max(date_day) as last_order_date,
        count(*) filter (where date_day > (select last_day.date_day from last_day) - 365) as orders_of_a_year,
        coalesce(
            sum(sale_amount) filter (where date_day > (select last_day.date_day from last_day) - 365), 0
        ) as sale_amount_of_a_year,
        coalesce(sum(sale_amount), 0) as sale_amount,
        coalesce(sum(cancelled_amount), 0) as cancelled_amount,
        count(*) filter (where status <> 'open') as orders_with_cancellations
    from {{ ref('fct_invoice_lifecycle') }}
    where customer_durable_key = (select customer.customer_durable_key from customer)

),

last_month as (

    select
        date_day,
        rfm_band_key,
        balance_amount
    from {{ ref('fct_customer_month') }}
    where customer_durable_key = (select customer.customer_durable_key from customer)
    order by date_key desc
    limit 1

),

bands as (

    select * from {{ ref('dim_rfm_band') }}

),

final as (

    select
        customer.customer_id,
        customer.country_name,
        customer.previous_country_name,
        customer.segment,
        customer.previous_segment,
        customer.valid_from as segment_since,
        bands.recency_score,
        bands.frequency_score,
        bands.monetary_score,
        orders.first_order_date,
        orders.last_order_date,
        last_day.date_day - orders.last_order_date as days_since_last_order,
        orders.orders,
        orders.orders_of_a_year,
        orders.orders_with_cancellations,
        round(orders.sale_amount, 2) as sale_amount,
        round(orders.sale_amount_of_a_year, 2) as sale_amount_of_a_year,
        round(orders.cancelled_amount, 2) as cancelled_amount,
        round(orders.sale_amount / nullif(orders.orders, 0), 2) as mean_order_amount,
        round(last_month.balance_amount, 2) as balance_amount,
        last_month.date_day as balance_date
    from customer
    cross join last_day
    cross join orders
    left join last_month on true
    left join bands on last_month.rfm_band_key = bands.rfm_band_key

)

select * from final
order by customer_id
