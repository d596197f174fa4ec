-- Marketing, after each month end: what did each customer segment bring in the last closed month, and in the same
-- month last year? Customers count in the segment that was valid during the month. Purchases without an account have
-- a separate row.
with

daily_sales as (

    select * from {{ ref('daily_sales') }}

),

last_month as (

    select max(month_end) as month_end from {{ ref('monthly_segment_moves') }}

),

months as (

    select
        0 as years_ago,
        month_end
    from last_month

    union all

    select
        1 as years_ago,
        ({{ month_start('month_end') }} - interval '1 year' + interval '1 month - 1 day')::date as month_end
    from last_month

),

segments as (

    select
        month_end,
        segment_before as segment,
        sum(customers) as customers,
        sum(orders) as orders,
        sum(net_amount) as net_amount
    from {{ ref('monthly_segment_moves') }}
    where month_end in (select months.month_end from months)
    group by month_end, segment_before

),

billed as (

    select
        months.month_end,
        sum(daily_sales.net_amount) as net_amount
    from months
    inner join daily_sales
        on daily_sales.date_day between {{ month_start('months.month_end') }} and months.month_end
    group by months.month_end

),

with_accounts as (

    select
        month_end,
        sum(net_amount) as net_amount
    from segments
    group by month_end

),

mix as (

    select
        month_end,
        segment,
        customers,
        orders,
        net_amount
    from segments

    union all

    select
        billed.month_end,
        'Without account' as segment,
        null as customers,
        null as orders,
        billed.net_amount - coalesce(with_accounts.net_amount, 0) as net_amount
    from billed
    left join with_accounts on billed.month_end = with_accounts.month_end

),

final as (

    select
        mix.segment,
        sum(mix.customers) filter (where months.years_ago = 0) as customers,
        sum(mix.orders) filter (where months.years_ago = 0) as orders,
        round(coalesce(sum(mix.net_amount) filter (where months.years_ago = 0), 0), 2) as net_amount,
        round(
            100 * coalesce(sum(mix.net_amount) filter (where months.years_ago = 0), 0)
            / nullif(sum(sum(mix.net_amount) filter (where months.years_ago = 0)) over (), 0),
            2
        ) as share_percent,
        round(coalesce(sum(mix.net_amount) filter (where months.years_ago = 1), 0), 2) as net_amount_last_year
    from mix
    inner join months on mix.month_end = months.month_end
    group by mix.segment

)

select * from final
order by net_amount desc, segment asc
