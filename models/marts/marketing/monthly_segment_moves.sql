{{ config(
    unique_key=['month_end', 'segment_before', 'segment'],
    touched_by="
        {#- The moves of a month compare it with the month before, so a changed month touches the next month, too. -#}
        with changed_months as (
            select distinct to_date(date_key::text, 'YYYYMMDD') as month_end
            from {{ pg_wap.changes_of('fct_customer_month') }}
        )
        select month_end from changed_months
        union all
        select (month_end + interval '1 day' + interval '1 month' - interval '1 day')::date as month_end
        from changed_months
    ",
    logged_columns=['month_end'],
    check_column='month_end',
) }}

with

dates as (

    select * from {{ ref('dim_date') }}

),

month_ends as (

    select
        date_key,
        date_day as month_end,
        to_char(month_start - 1, 'YYYYMMDD')::integer as previous_date_key
    from dates
    where date_day = month_end {{ pg_wap.only_touched('month_end', after='and') }}

),

customer_months as (

    select * from {{ ref('fct_customer_month') }}
    {# Without a condition, an incremental build copies the months of all years, because the table is read twice. -#}
    {% if pg_wap.is_delta() -%}
    where
        date_key = any(
            array(select date_key from month_ends union select previous_date_key from month_ends)
        )
    {%- endif %}

),

final as (

    select
        month_ends.month_end,
        coalesce(previous_months.segment, {{ not_rated() }}) as segment_before,
        customer_months.segment,

        count(*)::integer as customers,
        sum(customer_months.orders)::integer as orders,
        sum(customer_months.net_amount) as net_amount
    from customer_months
    inner join month_ends on customer_months.date_key = month_ends.date_key
    left join customer_months as previous_months
        on
            customer_months.customer_durable_key = previous_months.customer_durable_key
            and month_ends.previous_date_key = previous_months.date_key
    group by month_ends.month_end, coalesce(previous_months.segment, {{ not_rated() }}), customer_months.segment

)

select * from final
