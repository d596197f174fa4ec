{{ config(
    unique_key=['customer_id', 'month_end'],
    touched_by="{{ touched_customer_months(this) }}",
    indexes=[{'columns': ['month_end']}],
    check_column='customer_id',
) }}

with

customer_invoices as (

    select
        *,
        line_type = 'sale' as is_purchase
    from {{ ref('int_invoices_summed') }}
    where customer_id is not null {{ only_customers_to_measure(after='and') }}

),

rfm_segments as (

    select * from {{ ref('rfm_segments') }}

),

last_day as (

    select max(invoiced_on) as invoiced_on from {{ ref('int_trading_days') }}

),

purchases as (

    select
        *,
        -- An invoice that spans a month end is one order, in the month in which it began.
        is_purchase and invoiced_on = min(invoiced_on) filter (where is_purchase)
            over (partition by customer_id, invoice_number) as is_first_purchase
    from customer_invoices

),

monthly_activity as (

    select
        customer_id,
        {{ month_start('invoiced_on') }} as month_start,
        max(invoiced_on) filter (where is_purchase) as last_purchased_on,
        count(distinct invoice_number) filter (where is_first_purchase) as orders,
        sum(net_amount) filter (where line_type in ('sale', 'return')) as merchandise_amount,
        sum(net_amount) as net_amount
    from purchases
    group by customer_id, {{ month_start('invoiced_on') }}

),

first_months as (

    select
        customer_id,
        min(month_start) as month_start
    from monthly_activity
    group by customer_id

),

customer_months as (

    -- Closed months only: a score for a day in the future would change with every delivery.
    select
        first_months.customer_id,
        months.month_start::date as month_start,
        (months.month_start + interval '1 month - 1 day')::date as month_end
    from first_months
    cross join last_day
    cross join
        generate_series(
            first_months.month_start::timestamp,
            {{ month_start('last_day.invoiced_on + 1') }} - interval '1 month',
            interval '1 month'
        ) as months (month_start)

),

measured as (

    select
        customer_months.customer_id,
        customer_months.month_end,
        coalesce(monthly_activity.net_amount, 0) as net_amount,
        coalesce(monthly_activity.orders, 0)::integer as orders,
        sum(coalesce(monthly_activity.net_amount, 0)) over customer_so_far as balance_amount,
        max(monthly_activity.last_purchased_on) over customer_so_far as last_purchased_on,
        coalesce(sum(monthly_activity.orders) over customer_window, 0)::integer as frequency,
        coalesce(sum(monthly_activity.merchandise_amount) over customer_window, 0) as monetary_amount
    from customer_months
    left join monthly_activity
        on
            customer_months.customer_id = monthly_activity.customer_id
            and customer_months.month_start = monthly_activity.month_start
    window
        customer_so_far as (
            partition by customer_months.customer_id
            order by customer_months.month_start
            rows unbounded preceding
        ),
        customer_window as (
            partition by customer_months.customer_id
            order by customer_months.month_start
            rows between {{ var("rfm_window_months") - 1 }} preceding and current row
        )

),

ranked_months as (

    select measured.* from measured
    {{ customer_months_to_rank(this) | indent }}

),

rated as (

    -- percent_rank, unlike ntile, gives equal values equal scores. Customers without a purchase are ranked apart and
    -- lose their score below, because joining the ratings of the others to all months takes 0.1 s longer.
    select
        *,
        last_purchased_on is not null as is_rated,
        least(5, 1 + floor(5 * percent_rank() over (
            partition by month_end, last_purchased_on is null order by last_purchased_on
        )))::integer as recency_score,
        least(5, 1 + floor(5 * percent_rank() over (
            partition by month_end, last_purchased_on is null order by frequency
        )))::integer as frequency_score,
        least(5, 1 + floor(5 * percent_rank() over (
            partition by month_end, last_purchased_on is null order by monetary_amount
        )))::integer as monetary_score
    from ranked_months

),

scored as (

    select * from rated
    {% if pg_wap.is_delta() -%}
    union all

    -- In a month in which no ranked value changed, a customer whose balance changed keeps the stored scores.
    select
        measured.*,
        measured.last_purchased_on is not null as is_rated,
        months.recency_score,
        months.frequency_score,
        months.monetary_score
    from measured
    inner join {{ pg_wap.touched_keys() }} as keys
        on measured.customer_id = keys.customer_id and measured.month_end = keys.month_end
    inner join {{ this }} as months on keys.customer_id = months.customer_id and keys.month_end = months.month_end
    where not keys.is_rated
    {%- endif %}

),

final as (

    select
        scored.customer_id,
        scored.month_end,

        scored.net_amount,
        scored.balance_amount,
        scored.orders,
        scored.last_purchased_on,

        scored.month_end - scored.last_purchased_on as recency_days,
        scored.frequency,
        scored.monetary_amount,
        case when scored.is_rated then scored.recency_score end as recency_score,
        case when scored.is_rated then scored.frequency_score end as frequency_score,
        case when scored.is_rated then scored.monetary_score end as monetary_score,
        case when scored.is_rated then rfm_segments.segment else {{ not_rated() }} end as segment
    from scored
    left join rfm_segments
        on scored.recency_score = rfm_segments.recency_score and scored.frequency_score = rfm_segments.frequency_score

)

select * from final
