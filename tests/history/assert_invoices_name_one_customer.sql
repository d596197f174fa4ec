-- An invoice is billed to one customer. Two customers, or lines with and without a customer, are an error that the shop
-- must correct. Until then each line counts for the customer that it names, and fct_invoices decides by a rule.
{{ config(group='finance', severity='warn') }}

with

customer_invoices as (

    select
        invoice_number,
        min(customer_id) as customer_id,
        nullif(max(customer_id), min(customer_id)) as other_customer_id,
        sum(lines) as lines_with_customer
    from {{ ref('int_invoices_summed') }}
    where customer_id is not null and {{ pg_wap.is_touched('int_lines_classified', 'invoice_number') }}
    group by invoice_number

),

invoices as (

    select
        invoice_number,
        lines
    from {{ ref('fct_invoices') }}
    where {{ pg_wap.is_touched('int_lines_classified', 'invoice_number') }}

),

final as (

    select
        customer_invoices.*,
        invoices.lines
    from customer_invoices
    inner join invoices on customer_invoices.invoice_number = invoices.invoice_number
    where
        customer_invoices.other_customer_id is not null
        or customer_invoices.lines_with_customer <> invoices.lines

)

select * from final
