{{ config(
    materialized='incremental',
    incremental_strategy='partitioned',
    partition_by={'field': 'invoiced_on', 'granularity': 'month'},
    partitions="select month_start, is_touched from {{ ref('int_months_touched') }}",
) }}
-- depends_on: {{ ref('int_months_touched') }}

with

lines as (

    select * from {{ ref('int_lines_classified') }}
    where {{ in_partition('invoiced_on') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

customer_invoices as (

    select * from {{ ref('int_customer_invoices') }}

),

customer_months as (

    select * from {{ ref('int_customer_months') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

countries as (

    select * from {{ ref('dim_country') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

days as (

    select distinct
        customer_id,
        invoiced_on
    from customer_invoices
    where {{ in_partition('invoiced_on') }}

),

rated_months as (

    select
        customer_id,
        month_end,
        {{ rfm_band_key('recency_score', 'frequency_score', 'monetary_score') }} as rfm_band_key
    from customer_months

),

customers_by_day as (

    -- versions and bands are found for customers' days, not for their lines: 40,000 of them, not a million
    select
        days.customer_id,
        days.invoiced_on,
        customers.customer_key,
        customers.customer_durable_key,
        coalesce(rated_months.rfm_band_key, 0) as rfm_band_key
    from days
    inner join customers
        on
            days.customer_id = customers.customer_id
            and days.invoiced_on >= customers.valid_from
            and days.invoiced_on < customers.valid_to
    left join rated_months
        on
            days.customer_id = rated_months.customer_id
            and {{ month_start('days.invoiced_on') }} - 1 = rated_months.month_end

),

final as (

    select
        {{ surrogate_key(['lines.invoice_number', 'lines.line_number']) }} as sales_key,
        lines.invoice_number,
        lines.line_number,
        coalesce(dates.date_key, -1) as date_key,
        coalesce(customers_by_day.customer_key, -1) as customer_key,
        coalesce(customers_by_day.customer_durable_key, -1) as customer_durable_key,
        coalesce(products.product_key, -1) as product_key,
        coalesce(products.product_durable_key, -1) as product_durable_key,
        coalesce(countries.country_key, -1) as country_key,
        coalesce(customers_by_day.rfm_band_key, -1) as rfm_band_key,

        lines.invoiced_on,
        lines.invoiced_at,
        lines.line_type,
        lines.is_cancellation,

        lines.quantity,
        lines.unit_price,
        lines.net_amount,

        lines.file_id,
        lines.file_line
    from lines
    left join customers_by_day
        on lines.customer_id = customers_by_day.customer_id and lines.invoiced_on = customers_by_day.invoiced_on
    left join products
        on
            lines.stock_code = products.stock_code
            and lines.invoiced_on >= products.valid_from
            and lines.invoiced_on < products.valid_to
    left join countries on lines.country_name = countries.country_name
    left join dates on lines.invoiced_on = dates.date_day

)

select * from final
