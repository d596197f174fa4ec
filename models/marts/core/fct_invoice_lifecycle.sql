{{ config(
    unique_key='invoice_key',
    touched_by={
        'fct_invoices': 'invoice_number',
        'int_cancellations_matched': {'invoice_number': 'sale_invoice_number'},
    },
    logged_columns=['invoice_number', 'customer_durable_key'],
    check_column='invoice_number',
    indexes=[
        {'columns': ['invoice_number'], 'unique': true},
        {'columns': ['invoiced_on']},
        {'columns': ['customer_durable_key']},
    ],
) }}

with

invoices as (

    select * from {{ ref('fct_invoices') }}
    where
        lines_sold > 0
        and {{ pg_wap.only_touched('invoice_number') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

matched_cancellations as (

    select * from {{ ref('int_cancellations_matched') }}
    where
        match_type <> 'none'
        and {{ pg_wap.only_touched('sale_invoice_number', keys='invoice_number') }}

),

cancelled as (

    select
        sale_invoice_number as invoice_number,
        min(cancelled_at)::date as first_cancelled_on,
        max(cancelled_at)::date as last_cancelled_on,
        count(distinct sale_line_number)::integer as lines_cancelled,
        sum(units)::bigint as units_cancelled,
        sum(amount) as cancelled_amount
    from matched_cancellations
    group by sale_invoice_number

),

milestones as (

    select
        invoices.invoice_key,
        invoices.invoice_number,
        invoices.customer_key,
        invoices.date_key as invoiced_date_key,
        invoices.first_invoiced_at::date as invoiced_on,
        cancelled.first_cancelled_on,
        case when cancelled.units_cancelled = invoices.units_sold then cancelled.last_cancelled_on end
            as fully_cancelled_on,
        invoices.lines_sold,
        coalesce(cancelled.lines_cancelled, 0) as lines_cancelled,
        invoices.units_sold,
        coalesce(cancelled.units_cancelled, 0) as units_cancelled,
        invoices.sale_amount,
        coalesce(cancelled.cancelled_amount, 0) as cancelled_amount
    from invoices
    left join cancelled on invoices.invoice_number = cancelled.invoice_number

),

final as (

    select
        milestones.invoice_key,
        milestones.invoice_number,
        milestones.customer_key,
        coalesce(customers.customer_durable_key, -1) as customer_durable_key,
        milestones.invoiced_date_key,
        coalesce(to_char(milestones.first_cancelled_on, 'YYYYMMDD')::integer, -1) as first_cancelled_date_key,
        coalesce(to_char(milestones.fully_cancelled_on, 'YYYYMMDD')::integer, -1) as fully_cancelled_date_key,

        milestones.invoiced_on,
        milestones.first_cancelled_on,
        milestones.fully_cancelled_on,
        case
            when milestones.first_cancelled_on is null then 'open'
            when milestones.fully_cancelled_on is null then 'partly cancelled'
            else 'cancelled'
        end as status,

        milestones.first_cancelled_on - milestones.invoiced_on as days_to_first_cancellation,
        milestones.fully_cancelled_on - milestones.invoiced_on as days_to_full_cancellation,
        milestones.lines_sold,
        milestones.lines_cancelled,
        milestones.units_sold,
        milestones.units_cancelled,
        milestones.sale_amount,
        milestones.cancelled_amount
    from milestones
    left join customers on milestones.customer_key = customers.customer_key

)

select * from final
