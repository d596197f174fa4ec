with

line_versions as (

    select * from {{ ref('stg_shop__order_line_versions') }}

),

final as (

    select
        slot,
        invoice_number,
        line_number,

        customer_id,
        invoiced_at,
        country_text,
        stock_code,
        description,

        quantity,
        unit_price,

        valid_from as changed_at
    from line_versions
    where valid_to = 'infinity'

)

select * from final
