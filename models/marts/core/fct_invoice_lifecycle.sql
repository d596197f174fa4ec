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
        {'columns': ['date_day']},
        {'columns': ['customer_durable_key']},
    ],
) }}

with

invoices as (

    select * from {{ ref('fct_invoices') }}
    where
        lines_sold > 0
    {{ pg_wap.only_touched('invoice_number', after='and') }}

),

matched_cancellations as (

    select * from {{ ref('int_cancellations_matched') }}
    where
        match_type <> 'none'
    {{ pg_wap.only_touched('sale_invoice_number', keys='invoice_number', after='and') }}

),

cancelled as (

    select
        sale_invoice_number as invoice_number,
        min(cancelled_at)::date as first_cancelled_date,
        max(cancelled_at)::date as last_cancelled_date,
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
        invoices.customer_durable_key,
        invoices.date_key,
        invoices.date_day,
        cancelled.first_cancelled_date,
        case when cancelled.units_cancelled = invoices.units_sold then cancelled.last_cancelled_date end
            as fully_cancelled_date,
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
        invoice_key,
        invoice_number,
        customer_key,
        customer_durable_key,
        date_key,
        coalesce(to_char(first_cancelled_date, 'YYYYMMDD')::integer, -1) as first_cancelled_date_key,
        coalesce(to_char(fully_cancelled_date, 'YYYYMMDD')::integer, -1) as fully_cancelled_date_key,

        date_day,
        first_cancelled_date,
        fully_cancelled_date,
        case
            when first_cancelled_date is null then 'open'
            when fully_cancelled_date is null then 'partly cancelled'
            else 'cancelled'
        end as status,

        first_cancelled_date - date_day as days_to_first_cancellation,
        fully_cancelled_date - date_day as days_to_full_cancellation,
        lines_sold,
        lines_cancelled,
        units_sold,
        units_cancelled,
        sale_amount,
        cancelled_amount,

        -- Old names, removed in the next version.
        date_key as invoiced_date_key,
        date_day as invoiced_on,
        first_cancelled_date as first_cancelled_on,
        fully_cancelled_date as fully_cancelled_on
    from milestones
    -- Keeps the invoices of a week on few pages: the query `basket_size` takes 12 ms instead of 27 ms.
    order by date_day

)

select * from final
