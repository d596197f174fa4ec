with

customer_months as (

    select * from {{ ref('int_customer_months') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

final as (

    select
        coalesce(customers.customer_durable_key, -1) as customer_durable_key,
        to_char(customer_months.month_end, 'YYYYMMDD')::integer as date_key,
        coalesce(customers.customer_key, -1) as customer_key,
        {{ rfm_band_key(
            'customer_months.recency_score', 'customer_months.frequency_score', 'customer_months.monetary_score'
        ) }} as rfm_band_key,

        customer_months.segment,

        customer_months.net_amount,
        customer_months.orders,
        customer_months.balance_amount,
        customer_months.recency_days
    from customer_months
    left join customers
        on
            customer_months.customer_id = customers.customer_id
            and customer_months.month_end >= customers.valid_from
            and customer_months.month_end < customers.valid_to

)

select * from final
