-- Finance, weekly: what share of the merchandise sold was returned, in each of the last 13 months? Shares are of money,
-- by the month of the return: most January returns were sold before Christmas.
with

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

months as (

    select
        {{ month_start('date_day') }} as month_start,
        sum(sale_amount) as sale_amount,
        -sum(return_amount) as returned_amount
    from {{ ref('daily_sales') }}
    where date_day >= (select {{ month_start('last_day.date_day') }} - interval '12 months' from last_day)
    group by {{ month_start('date_day') }}

),

final as (

    select
        month_start,
        round(sale_amount, 2) as sale_amount,
        round(returned_amount, 2) as returned_amount,
        round(100 * returned_amount / nullif(sale_amount, 0), 2) as return_percent,
        round(
            100 * sum(returned_amount) over three_months / nullif(sum(sale_amount) over three_months, 0), 2
        ) as return_percent_of_three_months
    from months
    window three_months as (order by month_start rows between 2 preceding and current row)

)

select * from final
order by month_start
