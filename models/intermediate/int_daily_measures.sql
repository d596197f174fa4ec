{{ config(
    materialized='incremental',
    incremental_strategy='keyed',
    unique_key=['invoiced_on', 'country_name'],
    touched_key='invoiced_on',
    touched="select invoiced_on from {{ changes_of('int_lines_classified') }}",
    changes=['invoiced_on'],
) }}

with

lines as not materialized (

    select * from {{ ref('int_lines_classified') }}
    {% if is_delta() -%}
    where invoiced_on = any(array(select invoiced_on from {{ touched_keys() }}))
    {%- endif %}

),

customer_invoices as (

    select * from {{ ref('int_customer_invoices') }}
    {% if is_delta() -%}
    where invoiced_on = any(array(select invoiced_on from {{ touched_keys() }}))
    {%- endif %}

),

counted_lines as (

    select
        invoiced_on,
        country_name,
        count(*)::integer as lines,
        count(*)::integer - count(customer_id)::integer as lines_without_customer,
        coalesce(sum(net_amount) filter (where line_type = 'sale'), 0) as gross_amount,
        sum(net_amount) as net_amount,
        max(abs(net_amount)) as largest_amount,
        count(*) filter (
            where line_type = 'sale' and customer_id is not null and unit_price > 0
        )::integer as priced_lines,
        -- thousandths, whose sum does not depend on the order
        sum((1000 * ln(unit_price::double precision))::integer) filter (
            where line_type = 'sale' and customer_id is not null and unit_price > 0
        ) as log_prices,
        max(invoiced_at)::time as last_invoiced_at
    from lines
    group by invoiced_on, country_name

),

sold_products as not materialized (

    -- apart from the sums: each of them would be kept for each product
    select distinct
        invoiced_on,
        country_name,
        stock_code
    from lines

),

invoiced_customers as (

    select distinct
        invoiced_on,
        country_name,
        customer_id
    from customer_invoices

),

counted_products as (

    select
        invoiced_on,
        country_name,
        count(*)::integer as products
    from sold_products
    group by invoiced_on, country_name

    union all

    select
        invoiced_on,
        'Abroad' as country_name,
        count(distinct stock_code)::integer as products
    from sold_products
    where country_name <> '{{ var("home_country") }}'
    group by invoiced_on

),

counted_customers as (

    select
        invoiced_on,
        country_name,
        count(*)::integer as customers
    from invoiced_customers
    group by invoiced_on, country_name

    union all

    select
        invoiced_on,
        'Abroad' as country_name,
        count(distinct customer_id)::integer as customers
    from invoiced_customers
    where country_name <> '{{ var("home_country") }}'
    group by invoiced_on

),

added_lines as (

    select * from counted_lines

    union all

    select
        invoiced_on,
        'Abroad' as country_name,
        sum(lines)::integer as lines,
        sum(lines_without_customer)::integer as lines_without_customer,
        sum(gross_amount) as gross_amount,
        sum(net_amount) as net_amount,
        max(largest_amount) as largest_amount,
        sum(priced_lines)::integer as priced_lines,
        sum(log_prices) as log_prices,
        max(last_invoiced_at) as last_invoiced_at
    from counted_lines
    where country_name <> '{{ var("home_country") }}'
    group by invoiced_on

),

final as (

    select
        added_lines.invoiced_on,
        added_lines.country_name,

        added_lines.lines,
        added_lines.lines_without_customer,
        counted_products.products,
        coalesce(counted_customers.customers, 0) as customers,
        added_lines.gross_amount,
        added_lines.net_amount,
        added_lines.largest_amount,
        exp(0.001 * added_lines.log_prices / nullif(added_lines.priced_lines, 0))::numeric(18, 4) as typical_price,
        added_lines.last_invoiced_at
    from added_lines
    inner join counted_products
        on
            added_lines.invoiced_on = counted_products.invoiced_on
            and added_lines.country_name = counted_products.country_name
    left join counted_customers
        on
            added_lines.invoiced_on = counted_customers.invoiced_on
            and added_lines.country_name = counted_customers.country_name

)

select * from final
