with

line_changes as (

    select *
    from {{ source('shop', 'shop_changes') }}
    where relation = 'public.order_lines'

),

order_changes as (

    select *
    from {{ source('shop', 'shop_changes') }}
    where relation = 'public.orders'

),

line_versions as (

    {{ row_versions(
        'line_changes',
        ['invoice', 'line_number'],
        ['stock_code', 'description', 'quantity', 'price'],
        large_columns=['description'],
    ) }}

),

order_versions as (

    {{ row_versions('order_changes', ['invoice'], ['customer_id', 'country', 'invoice_date']) }}

),

joined as (

    select
        line_versions.*,
        order_versions.customer_id,
        order_versions.country,
        order_versions.invoice_date,
        greatest(line_versions.valid_from, order_versions.valid_from) as joined_from,
        least(line_versions.valid_to, order_versions.valid_to) as joined_to
    from line_versions
    inner join order_versions
        on
            line_versions.slot = order_versions.slot
            and line_versions.invoice = order_versions.invoice
            and line_versions.valid_from < order_versions.valid_to
            and line_versions.valid_to > order_versions.valid_from

),

final as (

    select
        slot,
        {{ clean_text('invoice') }} as invoice_number,
        line_number::integer as line_number,
        joined_from as valid_from,
        joined_to as valid_to,

        {{ safe_integer('customer_id') }} as customer_id,
        {{ safe_timestamp('invoice_date') }} as invoiced_at,
        {{ clean_text('country') }} as country_text,
        upper({{ clean_text('stock_code') }}) as stock_code,
        {{ clean_text('description') }} as description,

        {{ safe_integer('quantity') }} as quantity,
        {{ safe_decimal('price', 12, 4) }} as unit_price,

        has_unknown_value
    from joined

)

select * from final
