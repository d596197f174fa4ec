-- The lines of silver must arrive in every fact and mart, with their money to the fourth decimal and their customers.
{{ config(group='finance', severity='error') }}

with

silver as (

    select
        count(*) as lines,
        coalesce(sum(net_amount), 0) as net_amount,
        count(*) filter (where customer_id is null) as lines_without_customer
    from {{ ref('int_lines_classified') }}
    where {{ pg_wap.is_touched('fct_sales', 'invoiced_on') }}

),

silver_invoices as (

    {% if not (pg_wap.looks_at_changes_of('fct_sales') or pg_wap.looks_at_changes_of('int_lines_classified')) -%}
    -- All lines, which are already counted.
    select
        lines,
        net_amount
    from silver
    {%- else -%}
    select
        count(*) as lines,
        coalesce(sum(net_amount), 0) as net_amount
    from {{ ref('int_lines_classified') }}
    where {{ pg_wap.is_touched('int_lines_classified', 'invoice_number') }}
    {%- endif %}

),

sales as (

    select
        count(*) as lines,
        coalesce(sum(net_amount), 0) as net_amount,
        count(*) filter (where customer_key = -1) as lines_without_customer,
        count(*) filter (where product_key = -1) as lines_without_product
    from {{ ref('fct_sales') }}
    where {{ pg_wap.is_touched('fct_sales', 'date_day') }}

),

invoices as (

    select
        coalesce(sum(lines), 0) as lines,
        coalesce(sum(net_amount), 0) as net_amount
    from {{ ref('fct_invoices') }}
    where {{ pg_wap.is_touched('int_lines_classified', 'invoice_number') }}

),

days as (

    select coalesce(sum(net_amount), 0) as net_amount
    from {{ ref('daily_sales') }}
    where {{ pg_wap.is_touched('fct_sales', 'date_day') }}

),

forgotten_days as (

    -- Days whose lines changed, in months that were not built again.
    select count(*) as forgotten
    from {{ ref('int_trading_days') }}
    where
        {{ pg_wap.is_touched('int_lines_classified', 'invoiced_on', column='invoiced_on') }}
        and not {{ pg_wap.is_touched('fct_sales', 'invoiced_on') }}

),

product_months as (

    select
        coalesce(sum(lines), 0) as lines,
        coalesce(sum(net_amount), 0) as net_amount
    from {{ ref('monthly_product_sales') }}
    where {{ pg_wap.is_touched('fct_sales', 'month_start') }}

),

measures as (

    select
        measures.measure,
        measures.expected,
        measures.found
    from silver
    cross join silver_invoices
    cross join sales
    cross join invoices
    cross join days
    cross join forgotten_days
    cross join product_months
    cross join lateral (
        values
        ('lines of fct_sales', silver.lines, sales.lines),
        ('lines of fct_invoices', silver_invoices.lines, invoices.lines),
        ('lines of monthly_product_sales', silver.lines, product_months.lines),
        ('net_amount of fct_sales', silver.net_amount, sales.net_amount),
        ('net_amount of fct_invoices', silver_invoices.net_amount, invoices.net_amount),
        ('net_amount of daily_sales', silver.net_amount, days.net_amount),
        ('net_amount of monthly_product_sales', silver.net_amount, product_months.net_amount),
        ('lines without customer', silver.lines_without_customer, sales.lines_without_customer),
        -- Every line names a product.
        ('lines without product', 0, sales.lines_without_product),
        ('days that were not built', 0, forgotten_days.forgotten)
    ) as measures (measure, expected, found)

),

final as (

    select *
    from measures
    where expected is distinct from found

)

select * from final
