{{ config(
    unique_key=['invoiced_on', 'country_name'],
    touched_by={'int_lines_classified': 'invoiced_on'},
    logged_columns=['invoiced_on'],
    check_column='invoiced_on',
) }}

with

lines as (

    select * from {{ ref('int_lines_classified') }}
    {{ pg_wap.only_touched('invoiced_on', by='lookup', after='where') }}

),

invoices as (

    select * from {{ ref('int_invoices_summed') }}
    {{ pg_wap.only_touched('invoiced_on', by='lookup', after='where') }}

),

counted_invoices as (

    select
        invoices.invoiced_on,
        places.country_name,
        sum(invoices.lines)::integer as lines,
        coalesce(sum(invoices.lines) filter (where invoices.customer_id is null), 0)::integer as lines_without_customer,
        count(distinct invoices.customer_id)::integer as customers,
        coalesce(sum(invoices.net_amount) filter (where invoices.line_type = 'sale'), 0) as gross_amount,
        sum(invoices.net_amount) as net_amount,
        max(invoices.largest_amount) as largest_amount,
        sum(invoices.priced_lines) filter (where invoices.line_type = 'sale') as priced_lines,
        sum(invoices.log_prices) filter (where invoices.line_type = 'sale') as log_prices,
        max(invoices.last_invoiced_at)::time as last_invoiced_at
    from invoices
    cross join
        lateral (
            values
            (invoices.country_name),
            (case when invoices.country_name <> '{{ var("home_country") }}' then 'Abroad' end)
        ) as places (country_name)
    where places.country_name is not null
    group by invoices.invoiced_on, places.country_name

),

sold_products as (

    -- Sorting products day by day takes a fifth less time than hashing the products of all days.
    select
        invoiced_on,
        country_name,
        array_agg(stock_code) as stock_codes
    from lines
    group by invoiced_on, country_name

),

counted_products as (

    select
        invoiced_on,
        country_name,
        (
            select count(distinct products.stock_code)
            from unnest(stock_codes) as products (stock_code)
        )::integer as products
    from sold_products

    union all

    select
        sold_products.invoiced_on,
        'Abroad' as country_name,
        count(distinct products.stock_code)::integer as products
    from sold_products
    cross join unnest(sold_products.stock_codes) as products (stock_code)
    where sold_products.country_name <> '{{ var("home_country") }}'
    group by sold_products.invoiced_on

),

final as (

    select
        counted_invoices.invoiced_on,
        counted_invoices.country_name,

        counted_invoices.lines,
        counted_invoices.lines_without_customer,
        counted_products.products,
        counted_invoices.customers,
        counted_invoices.gross_amount,
        counted_invoices.net_amount,
        counted_invoices.largest_amount,
        exp(0.001 * counted_invoices.log_prices / nullif(counted_invoices.priced_lines, 0))::numeric(18, 4)
            as typical_price,
        counted_invoices.last_invoiced_at
    from counted_invoices
    inner join counted_products
        on
            counted_invoices.invoiced_on = counted_products.invoiced_on
            and counted_invoices.country_name = counted_products.country_name

)

select * from final
