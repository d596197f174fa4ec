{{ config(
    unique_key=['month_start', 'product_durable_key', 'line_type'],
    touched_by={'int_lines_classified': {'month_start': month_start('invoiced_on')}},
    logged_columns=['month_start'],
    check_column='month_start',
) }}

with

sales as (

    select * from {{ ref('fct_sales') }}
    where
        {{ in_changed_months('invoiced_on') }}
        and {{ pg_wap.only_touched(month_start('invoiced_on'), keys='month_start') }}

),

final as (

    select
        {{ month_start('max(invoiced_on)') }} as month_start,
        product_durable_key,
        line_type,

        count(*)::integer as lines,
        -- The days of a month are bits of a number, because count(distinct) would sort a million lines.
        bit_count(bit_or(1 << date_key % 100 - 1)::bit(32))::integer as days_with_lines,
        max(invoiced_on) as last_invoiced_on,
        sum(quantity) as quantity,
        sum(net_amount) as net_amount
    from sales
    -- Not by month_start, which would be computed for each line (0.08 s).
    group by date_key / 100, product_durable_key, line_type
    -- Keeps the rows of a month on few pages: scattered over twenty years, three months take twice as long to read.
    order by date_key / 100

)

select * from final
