{{ config(
    unique_key=['invoice_number', 'product_durable_key'],
    touched_by={'int_lines_classified': 'invoice_number', 'int_cancellations_matched': {'invoice_number': 'sale_invoice_number'}},
    logged_columns=['invoice_number', 'invoiced_on', 'customer_id'],
    check_column='invoice_number',
    indexes=[
        {'columns': ['customer_id']},
        {'columns': ['invoiced_on'], 'type': 'brin', 'with': 'pages_per_range = 32, autosummarize = on'},
    ],
) }}

with

sale_lines as (

    select * from {{ ref('int_lines_classified') }}
    where line_type = 'sale' {{ pg_wap.only_touched('invoice_number', after='and') }}

),

cancellations as (

    select * from {{ ref('int_cancellations_matched') }}
    where match_type <> 'none' {{ pg_wap.only_touched('sale_invoice_number', keys='invoice_number', after='and') }}

),

units_taken_back as (

    select
        sale_invoice_number as invoice_number,
        sale_line_number as line_number,
        -- A sum of bigint is numeric, which takes longer to subtract and to store.
        sum(units)::integer as units
    from cancellations
    group by sale_invoice_number, sale_line_number

),

units_kept as (

    -- A line may be cancelled and another line of the same product kept.
    select
        sale_lines.invoice_number,
        sale_lines.stock_code,
        min(sale_lines.invoiced_on) as invoiced_on,
        min(sale_lines.customer_id) as customer_id,
        sum(sale_lines.quantity - coalesce(units_taken_back.units, 0)) as units
    from sale_lines
    left join units_taken_back
        on
            sale_lines.invoice_number = units_taken_back.invoice_number
            and sale_lines.line_number = units_taken_back.line_number
    group by sale_lines.invoice_number, sale_lines.stock_code

),

final as (

    select
        invoice_number,
        {{ surrogate_key(['stock_code']) }} as product_durable_key,
        invoiced_on,
        customer_id,

        units,
        (count(*) over (partition by invoice_number))::integer as basket_products
    from units_kept
    where units > 0

)

select * from final
