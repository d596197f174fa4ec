with

lines as (

    select * from {{ ref('stg_retail__transactions') }}

),

final as (

    select
        file_id,
        file_line,

        invoice_number,
        stock_code,
        description,
        invoiced_at,
        customer_id,
        country_text,

        quantity,
        unit_price,

        is_usable,
        quarantine_reasons
    from lines

)

select * from final
