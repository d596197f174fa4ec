with

invoices as (

    select * from {{ ref('int_invoices_summed') }}
    where customer_id is not null

),

final as (

    select
        invoice_number,
        customer_id,
        {{ surrogate_key(['customer_id']) }} as customer_hk,

        min(first_invoiced_at) as first_invoiced_at
    from invoices
    group by invoice_number, customer_id

)

select * from final
