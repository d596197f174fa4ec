with

sales as (

    select * from {{ ref('bridge_sales') }}

),

customers as (

    select * from {{ ref('vault_dim_customer') }}

),

customer_ratings as (

    select * from {{ pg_vault.current_readings(ref('csat_customer_rfm')) }} as readings

),

products as (

    select * from {{ ref('vault_dim_product') }}

),

countries as (

    select
        hub_country.country_text,
        spellings.same_as_country_hk
    from {{ ref('hub_country') }} as hub_country
    inner join {{ pg_vault.current_readings(ref('sal_country')) }} as spellings
        on hub_country.country_hk = spellings.country_hk
    where spellings.country_name <> 'Unknown'

),

final as (

    select
        sales.invoice_number,
        sales.line_number,
        to_char(sales.applied_at, 'YYYYMMDD')::integer as date_key,
        coalesce(customers.customer_key, -1) as customer_key,
        coalesce(customers.customer_durable_key, -1) as customer_durable_key,
        coalesce(products.product_key, -1) as product_key,
        coalesce(products.product_durable_key, -1) as product_durable_key,
        coalesce(countries.same_as_country_hk, -1) as country_key,
        case
            when customers.customer_key is null then -1
            when customer_ratings.customer_hk is null then 0
            else
                {{ rfm_band_key(
                    'customer_ratings.recency_score',
                    'customer_ratings.frequency_score',
                    'customer_ratings.monetary_score',
                ) | indent(16) }}
        end as rfm_band_key,

        sales.applied_at::date as date_day,
        sales.applied_at as invoiced_at,
        sales.line_type,
        sales.invoice_number like 'C%' as is_cancellation,

        sales.quantity,
        sales.unit_price,
        sales.quantity * sales.unit_price as net_amount,

        sales.file_id,
        sales.file_line,

        sales.applied_at::date as invoiced_on
    from sales
    left join customers
        on
            sales.customer_id = customers.customer_id
            and sales.applied_at >= customers.valid_from
            and sales.applied_at < customers.valid_to
    left join customer_ratings
        on
            customers.customer_durable_key = customer_ratings.customer_hk
            and {{ month_start('sales.applied_at') }} = customer_ratings.applied_at
    left join products
        on
            sales.product_hk = products.product_durable_key
            and sales.applied_at >= products.valid_from
            and sales.applied_at < products.valid_to
    left join countries on sales.country_text = countries.country_text

)

select * from final
