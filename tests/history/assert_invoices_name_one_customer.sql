-- An invoice is billed to one customer: two on it are a slip of the pen, which the shop has to mend. Until then each
-- line counts for the customer that it names, and fct_invoices goes by the last line.
with

customer_invoices as (

    select * from {{ ref('int_customer_invoices') }}

),

final as (

    select
        invoice_number,
        min(customer_id) as customer_id,
        max(customer_id) as other_customer_id
    from customer_invoices
    group by invoice_number
    having min(customer_id) <> max(customer_id)

)

select * from final
