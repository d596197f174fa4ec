{{ config(
    materialized='incremental',
    incremental_strategy='keyed',
    unique_key='month_start',
) }}
-- depends_on: {{ ref('int_lines_classified') }}, {{ ref('int_invoices_summed') }}, {{ ref('int_customer_months') }}
-- depends_on: {{ ref('int_customer_versions') }}, {{ ref('int_product_months') }}, {{ ref('int_product_versions') }}
with

trading_days as (

    select * from {{ ref('int_trading_days') }}

),

known_months as (

    select distinct {{ month_start('invoiced_on') }} as month_start
    from trading_days

),

{% if is_delta() -%}
customer_versions as (

    select * from {{ ref('int_customer_versions') }}

),

customer_invoices as (

    select * from {{ ref('int_invoices_summed') }}

),

product_versions as (

    select * from {{ ref('int_product_versions') }}

),

product_months as (

    select * from {{ ref('int_product_months') }}

),

changed_customers as (

    -- a version that came, went or changed moves the lines from its first day to the next version's
    select
        changes.customer_id,
        changes.valid_from,
        min(customer_versions.valid_from) as valid_to
    from {{ changes_of('int_customer_versions') }} as changes
    left join customer_versions
        on changes.customer_id = customer_versions.customer_id and changes.valid_from < customer_versions.valid_from
    group by changes.customer_id, changes.valid_from

),

changed_products as (

    select
        changes.stock_code,
        changes.valid_from,
        min(product_versions.valid_from) as valid_to
    from {{ changes_of('int_product_versions') }} as changes
    left join product_versions
        on changes.stock_code = product_versions.stock_code and changes.valid_from < product_versions.valid_from
    group by changes.stock_code, changes.valid_from

),

touched_months as (

    select {{ month_start('invoiced_on') }} as month_start
    from {{ changes_of('int_lines_classified') }}

    union

    select {{ month_start('customer_invoices.invoiced_on') }} as month_start
    from changed_customers
    inner join customer_invoices
        on
            changed_customers.customer_id = customer_invoices.customer_id
            and customer_invoices.invoiced_on >= changed_customers.valid_from
            and customer_invoices.invoiced_on < coalesce(changed_customers.valid_to, {{ end_of_time() }})

    union

    select product_months.month_start
    from changed_products
    inner join product_months
        on
            changed_products.stock_code = product_months.stock_code
            and product_months.month_start >= {{ month_start('changed_products.valid_from') }}
            and product_months.month_start < coalesce(changed_products.valid_to, {{ end_of_time() }})

    union

    -- the band of a month end is that of the next month's lines
    select month_end + 1 as month_start
    from {{ changes_of('int_customer_months') }}

),
{%- else -%}
touched_months as (

    select month_start from known_months

),
{%- endif %}

months as (

    select month_start from known_months

    union

    select month_start from touched_months

),

final as (

    select
        months.month_start,

        touched_months.month_start is not null as is_touched
    from months
    left join touched_months on months.month_start = touched_months.month_start

)

select * from final
