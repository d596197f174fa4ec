with

lines as (

    select * from {{ ref('int_lines_classified') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

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

rated_months as (

    -- what is known at the end of a month holds for the next one
    select
        customer_id,
        (month_end + 1) as month_start,
        {{ rfm_band_key('recency_score', 'frequency_score', 'monetary_score') }} as rfm_band_key
    from customer_months

),

final as (

    select
        {{ surrogate_key(['lines.invoice_number', 'lines.line_number']) }} as sales_key,
        lines.invoice_number,
        lines.line_number,
        coalesce(dates.date_key, -1) as date_key,
        coalesce(customers.customer_key, -1) as customer_key,
        coalesce(customers.customer_durable_key, -1) as customer_durable_key,
        coalesce(products.product_key, -1) as product_key,
        coalesce(products.product_durable_key, -1) as product_durable_key,
        coalesce(countries.country_key, -1) as country_key,
        case
            when customers.customer_key is null then -1
            else coalesce(rated_months.rfm_band_key, 0)
        end as rfm_band_key,

        lines.invoiced_at,
        lines.line_type,
        lines.is_cancellation,

        lines.quantity,
        lines.unit_price,
        lines.net_amount,

        lines.file_id,
        lines.file_line
    from lines
    left join customers
        on
            lines.customer_id = customers.customer_id
            and lines.invoiced_on >= customers.valid_from
            and lines.invoiced_on < customers.valid_to
    left join rated_months
        on
            lines.customer_id = rated_months.customer_id
            and date_trunc('month', lines.invoiced_on)::date = rated_months.month_start
    left join products
        on
            lines.stock_code = products.stock_code
            and lines.invoiced_on >= products.valid_from
            and lines.invoiced_on < products.valid_to
    left join countries on lines.country_name = countries.country_name
    left join dates on lines.invoiced_on = dates.date_day

)

select * from final
