{{ config(
    unique_key=['customer_id', 'month_end'],
    touched_by="
        select
            customer_id,
            month_end
        from {{ pg_wap.changes_of('int_customer_months') }}
        union all
        select
            months.customer_id,
            months.month_end
        from {{ pg_wap.changes_of('int_customer_versions') }} as versions
        inner join {{ ref('int_customer_months') }} as months
            on versions.customer_id = months.customer_id and months.month_end >= versions.valid_from
    ",
    check_column='customer_id',
) }}

with

customer_months as (

    select * from {{ ref('int_customer_months') }}
    {{ pg_wap.only_touched(['customer_id', 'month_end'], after='where') }}

),

-- Materialized to get a hash join: the planner would look up each month in an index, 0.32 s instead of 0.08 s.
customers as materialized (

    select * from {{ ref('dim_customer') }}

),

final as (

    select
        customer_months.customer_id,
        customer_months.month_end,
        to_char(customer_months.month_end, 'YYYYMMDD')::integer as date_key,
        coalesce(customers.customer_key, -1) as customer_key,
        coalesce(customers.customer_durable_key, -1) as customer_durable_key,

        customer_months.month_end - customer_months.recency_days as last_order_date,
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
