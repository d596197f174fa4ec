with

sales as (

    select * from {{ ref('fct_sales') }}

),

final as (

    select
        {{ month_start('invoiced_at') }} as month_start,
        product_durable_key,
        line_type,

        count(*)::integer as lines,
        -- a month's days are bits of a number: to count distinct ones, a million lines would be sorted
        bit_count(bit_or(1 << date_key % 100 - 1)::bit(32))::integer as days_with_lines,
        max(invoiced_at)::date as last_invoiced_on,
        sum(quantity) as quantity,
        sum(net_amount) as net_amount
    from sales
    group by {{ month_start('invoiced_at') }}, product_durable_key, line_type
    -- a month's rows on pages of their own: scattered over those of twenty years, three months take twice as long
    order by {{ month_start('invoiced_at') }}

)

select * from final
