-- Marketing, each morning: in each of the last 13 months, how many customers ordered for the first time, how many
-- returned, and what did each group buy? The last month ends with the data; orders without an account are in neither
-- group.
with

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

customer_orders as (

    select * from {{ ref('monthly_customer_orders') }}
    where
        month_start >= (select {{ month_start('last_day.date_day') }} - interval '12 months' from last_day)
        -- Always true, but with an upper bound the planner expects few rows instead of a third of the table.
        and month_start <= (select last_day.date_day from last_day)

),

final as (

    select
        month_start,
        count(*) filter (where months_since_first = 0) as new_customers,
        count(*) filter (where months_since_first > 0) as returning_customers,
        coalesce(sum(orders) filter (where months_since_first = 0), 0) as orders_of_new,
        coalesce(sum(orders) filter (where months_since_first > 0), 0) as orders_of_returning,
        round(coalesce(sum(sale_amount) filter (where months_since_first = 0), 0), 2) as sale_amount_of_new,
        round(coalesce(sum(sale_amount) filter (where months_since_first > 0), 0), 2) as sale_amount_of_returning,
        round(100 * avg((months_since_first = 0)::integer), 1) as new_percent
    from customer_orders
    group by month_start

)

select * from final
order by month_start
