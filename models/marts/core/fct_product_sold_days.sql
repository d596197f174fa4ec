{{ config(
    unique_key=['product_durable_key', 'span_start'],
    touched_by={
        'int_lines_classified': {
            'product_durable_key': surrogate_key(['stock_code']),
            'span_start': span_start('invoiced_on'),
            'stock_code': 'stock_code',
        },
    },
    check_column='span_start',
) }}

with

lines as (

    select * from {{ ref('int_lines_classified') }}
    where
        line_type = 'sale'
    {{ in_touched_spans('invoiced_on', after='and') }}
    {{ pg_wap.only_touched(
        ['stock_code', span_start('invoiced_on')], keys=['stock_code', 'span_start'], after='and'
    ) }}

),

spans as (

    select
        stock_code,
        {{ span_start('invoiced_on') }} as span_start,
        bit_or({{ day_bit('invoiced_on') }}) as sold_days
    from lines
    group by stock_code, {{ span_start('invoiced_on') }}

),

final as (

    select
        {{ surrogate_key(['stock_code']) }} as product_durable_key,
        span_start,

        sold_days
    from spans
    -- In the order of the primary key, because its index then takes half the time.
    order by product_durable_key, span_start

)

select * from final
