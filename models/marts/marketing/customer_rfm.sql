with

customer_months as (

    select * from {{ ref('int_customer_months') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

final as (

    select
        customer_months.customer_id,
        customer_months.month_end,
        to_char(customer_months.month_end, 'YYYYMMDD')::integer as date_key,
        coalesce(customers.customer_key, -1) as customer_key,

        customer_months.recency_days,
        customer_months.frequency,
        customer_months.monetary_amount,
        customer_months.recency_score,
        customer_months.frequency_score,
        customer_months.monetary_score,
        customer_months.segment
    from customer_months
    left join customers
        on
            customer_months.customer_id = customers.customer_id
            and customer_months.month_end >= customers.valid_from
            and customer_months.month_end < customers.valid_to
    where customer_months.recency_days is not null

)

select * from final
