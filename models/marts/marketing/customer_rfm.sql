with

customer_invoices as (

    select * from {{ ref('int_customer_invoices') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

rfm_segments as (

    select * from {{ ref('rfm_segments') }}

),

first_months as (

    select
        customer_id,
        date_trunc('month', min(invoiced_on)) as first_month_start
    from customer_invoices
    where is_purchase
    group by customer_id

),

last_day as (

    select max(invoiced_on) as invoiced_on from {{ ref('int_lines_classified') }}

),

customer_months as (

    -- closed months only: a score as of a day that has not come yet would change with every delivery
    select
        first_months.customer_id,
        months.month_start,
        (months.month_start + interval '1 month - 1 day')::date as month_end
    from first_months
    cross join last_day
    cross join
        generate_series(
            first_months.first_month_start,
            date_trunc('month', last_day.invoiced_on + 1) - interval '1 month',
            interval '1 month'
        ) as months (month_start)

),

monthly_activity as (

    select
        customer_id,
        date_trunc('month', invoiced_on) as month_start,
        max(invoiced_on) filter (where is_purchase) as last_purchased_on,
        count(distinct invoice_number) filter (where is_purchase) as purchases,
        sum(merchandise_amount) as merchandise_amount
    from customer_invoices
    group by customer_id, date_trunc('month', invoiced_on)

),

measured as (

    select
        customer_months.customer_id,
        customer_months.month_end,
        customer_months.month_end
        - max(monthly_activity.last_purchased_on) over customer_so_far as recency_days,
        coalesce(sum(monthly_activity.purchases) over customer_window, 0)::integer as frequency,
        coalesce(sum(monthly_activity.merchandise_amount) over customer_window, 0) as monetary_amount
    from customer_months
    left join monthly_activity
        on
            customer_months.customer_id = monthly_activity.customer_id
            and customer_months.month_start = monthly_activity.month_start
    window
        customer_so_far as (partition by customer_months.customer_id order by customer_months.month_start),
        customer_window as (
            partition by customer_months.customer_id
            order by customer_months.month_start
            rows between {{ var("rfm_window_months") - 1 }} preceding and current row
        )

),

scored as (

    -- percent_rank, not ntile: customers with the same value get the same score, whatever their order
    select
        *,
        least(5, 1 + floor(5 * percent_rank() over (partition by month_end order by recency_days desc)))::integer
            as recency_score,
        least(5, 1 + floor(5 * percent_rank() over (partition by month_end order by frequency)))::integer
            as frequency_score,
        least(5, 1 + floor(5 * percent_rank() over (partition by month_end order by monetary_amount)))::integer
            as monetary_score
    from measured

),

final as (

    select
        scored.customer_id,
        scored.month_end,
        to_char(scored.month_end, 'YYYYMMDD')::integer as date_key,
        coalesce(customers.customer_key, -1) as customer_key,

        scored.recency_days,
        scored.frequency,
        scored.monetary_amount,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score,
        rfm_segments.segment
    from scored
    left join customers
        on
            scored.customer_id = customers.customer_id
            and scored.month_end >= customers.valid_from
            and scored.month_end < customers.valid_to
    left join rfm_segments
        on
            scored.recency_score = rfm_segments.recency_score
            and scored.frequency_score = rfm_segments.frequency_score

)

select * from final
