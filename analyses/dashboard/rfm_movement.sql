-- Marketing, after each month end: how many customers moved between which segments in the last closed month, and what
-- did they bring? Customers who stayed are included, so each segment adds up.
with

last_month as (

    select max(month_end) as month_end from {{ ref('monthly_segment_moves') }}

),

moves as (

    select * from {{ ref('monthly_segment_moves') }}
    where month_end = (select last_month.month_end from last_month)

),

final as (

    select
        month_end,
        segment_before,
        segment,
        customers,
        round(100.0 * customers / sum(customers) over (partition by segment_before), 1) as percent_of_segment_before,
        orders,
        round(net_amount, 2) as net_amount
    from moves

)

select * from final
order by segment_before asc, customers desc, segment asc
