-- Marketing, after each month end: of the customers who first ordered in each of the last 12 closed months,
-- what share ordered again in each month since, and what did they buy? Only closed months count, because a month
-- that has just begun would look like a loss.
with

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

months as (

    select
        ({{ month_start('date_day + 1') }} - interval '12 months')::date as first_month_start,
        {{ month_start('date_day + 1') }} as end_month_start
    from last_day

),

activity as (

    select
        first_month_start,
        months_since_first,
        count(*) as customers,
        sum(orders) as orders,
        sum(sale_amount) as sale_amount
    from {{ ref('monthly_customer_orders') }}
    where
        month_start >= (select months.first_month_start from months)
        and month_start < (select months.end_month_start from months)
        and first_month_start >= (select months.first_month_start from months)
    group by first_month_start, months_since_first

),

cohorts as (

    select
        first_month_start,
        customers
    from activity
    where months_since_first = 0

),

final as (

    select
        cohorts.first_month_start,
        cohorts.customers as cohort_customers,
        activity.months_since_first,
        activity.customers,
        round(100.0 * activity.customers / cohorts.customers, 1) as retention_percent,
        activity.orders,
        round(activity.sale_amount, 2) as sale_amount
    from cohorts
    inner join activity on cohorts.first_month_start = activity.first_month_start

)

select * from final
order by first_month_start, months_since_first
