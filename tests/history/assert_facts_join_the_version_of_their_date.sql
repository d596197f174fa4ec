-- History is correct only if each line shows its customer and product as they were on the day of the line.
{{ config(group='platform', severity='error') }}

{%- set looks_at_changes_only = pg_wap.looks_at_changes_of('fct_sales') %}
with

sales as (

    select * from {{ pg_wap.touched_rows(ref('fct_sales')) }}

),

customers as (

    select * from {{ ref('dim_customer') }}
    {% if looks_at_changes_only -%}
    where customer_key in (select sales.customer_key from sales)
    {{ pg_wap.optimization_fence() }}
    {%- endif %}

),

products as (

    select * from {{ ref('dim_product') }}
    {% if looks_at_changes_only -%}
    where product_key in (select sales.product_key from sales)
    {{ pg_wap.optimization_fence() }}
    {%- endif %}

),

final as (

    select
        sales.invoice_number,
        sales.line_number,
        sales.invoiced_at,
        customers.valid_from as customer_valid_from,
        customers.valid_to as customer_valid_to,
        products.valid_from as product_valid_from,
        products.valid_to as product_valid_to
    from sales
    inner join customers on sales.customer_key = customers.customer_key
    inner join products on sales.product_key = products.product_key
    where
        sales.invoiced_at < customers.valid_from
        or sales.invoiced_at >= customers.valid_to
        or sales.invoiced_at < products.valid_from
        or sales.invoiced_at >= products.valid_to

)

select * from final
