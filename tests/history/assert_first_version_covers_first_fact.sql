-- If a history begins after the first line, the line joins the unknown member.
{{ config(group='platform', severity='error') }}

with

customer_invoices as (

    select * from {{ ref('int_invoices_summed') }}
    where
        customer_id is not null
        and {{ pg_wap.is_touched('int_invoices_summed', 'customer_id', column='customer_id') }}

),

product_months as (

    select * from {{ pg_wap.touched_rows(ref('int_product_months')) }}

),

customers as (

    select * from {{ ref('dim_customer') }}
    where {{ pg_wap.is_touched('int_invoices_summed', 'customer_id', column='customer_id') }}

),

products as (

    select * from {{ ref('dim_product') }}
    where {{ pg_wap.is_touched('int_product_months', 'stock_code') }}

),

first_facts as (

    select
        'customer' as dimension,
        customer_id::text as durable_key,
        min(invoiced_on) as first_seen_on
    from customer_invoices
    group by customer_id

    union all

    select
        'product' as dimension,
        stock_code as durable_key,
        -- Versions of products begin on the first of a month.
        min(month_start) as first_seen_on
    from product_months
    group by stock_code

),

first_versions as (

    select
        'customer' as dimension,
        customer_id::text as durable_key,
        min(valid_from) as valid_from
    from customers
    group by customer_id

    union all

    select
        'product' as dimension,
        stock_code as durable_key,
        min(valid_from) as valid_from
    from products
    group by stock_code

),

final as (

    select
        first_facts.dimension,
        first_facts.durable_key,
        first_facts.first_seen_on,
        first_versions.valid_from
    from first_facts
    left join first_versions
        on
            first_facts.dimension = first_versions.dimension
            and first_facts.durable_key = first_versions.durable_key
    where
        first_versions.valid_from is null
        or first_versions.valid_from > first_facts.first_seen_on

)

select * from final
