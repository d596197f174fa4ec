{{ config(
    unique_key=['customer_id', 'month_end'],
    touched_by="
        {#- Ratings compare customers and balances add up, so a changed line touches its month and all later months. Months
            close in turn, the first of all with the first trading day: until then, no month is known. -#}
        with changed_lines as (
            select
                min({{ month_start('invoiced_on') }}) as first_month_start
            from {{ pg_wap.changes_of('int_lines_classified') }}
        ),
        trading_days as (
            select
                min(invoiced_on) as first_on,
                max(invoiced_on) as last_on
            from {{ ref('int_trading_days') }}
        ),
        next_month as (
            select
                coalesce(
                    (select max(month_end) + 1 from {{ this }}),
                    {{ month_start('trading_days.first_on') }}
                ) as month_start
            from trading_days
        ),
        closed_months as (
            select {{ month_start('last_on + 1') }} - 1 as last_month_end from trading_days
        )
        select (months.month_start + interval '1 month - 1 day')::date as month_end
        from changed_lines
        cross join next_month
        cross join closed_months
        cross join generate_series(
            least(changed_lines.first_month_start, next_month.month_start)::timestamp,
            closed_months.last_month_end::timestamp,
            interval '1 month'
        ) as months (month_start)
        union all
        select rated_months.month_end
        from changed_lines
        inner join {{ this }} as rated_months on rated_months.month_end >= changed_lines.first_month_start
    ",
    indexes=[{'columns': ['month_end']}],
    check_column='customer_id',
) }}

with

customer_invoices as (

    select
        *,
        line_type = 'sale' as is_purchase
    from {{ ref('int_invoices_summed') }}
    where customer_id is not null

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
    from measured

),

final as (

    select
        rated.customer_id,
        rated.month_end,

        rated.net_amount,
        rated.balance_amount,
        rated.orders,
        rated.last_purchased_on,

        rated.month_end - rated.last_purchased_on as recency_days,
        rated.frequency,
        rated.monetary_amount,
        case when rated.is_rated then rated.recency_score end as recency_score,
        case when rated.is_rated then rated.frequency_score end as frequency_score,
        case when rated.is_rated then rated.monetary_score end as monetary_score,
        case when rated.is_rated then rfm_segments.segment else {{ not_rated() }} end as segment
    from rated
    left join rfm_segments
        on rated.recency_score = rfm_segments.recency_score and rated.frequency_score = rfm_segments.frequency_score
    {{ pg_wap.only_touched('rated.month_end', after='where') }}

)

select * from final
