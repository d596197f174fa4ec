-- No customer is in two places at once. If invoices of one second name two countries, a rule decides (the greater
-- invoice number, then the smaller name), and marketing should find out which is true.
{{ config(group='marketing', severity='warn') }}

with

customer_invoices as (

    select
        customer_id,
        invoice_number,
        invoiced_on,
        country_name,
        max(last_invoiced_at) as last_invoiced_at
    from {{ ref('int_invoices_summed') }}
    where
        customer_id is not null
        and {{ pg_wap.is_touched('int_invoices_summed', 'customer_id', column='customer_id') }}
    group by customer_id, invoice_number, invoiced_on, country_name

),

final as (

    select
        customer_id,
        last_invoiced_at,
        min(country_name) as country_name,
        max(country_name) as other_country_name
    from customer_invoices
    group by customer_id, last_invoiced_at
    having min(country_name) <> max(country_name)

)

select * from final
