-- Reports read cancellations from the lifecycle of invoices: if a cancellation is lost, a sale looks kept.
{{ config(group='finance', severity='error') }}

with

lines as (

    select
        count(*) as lines,
        sum(-net_amount) as amount
    from {{ ref('int_lines_classified') }}
    where
        line_type = 'return'
        and is_cancellation
        and customer_id is not null
        and {{ pg_wap.is_touched('int_lines_classified', 'invoice_number') }}

),

cancellations as (

    select
        count(*) as lines,
        sum(amount) as amount
    from {{ ref('int_cancellations_matched') }}
    where {{ pg_wap.is_touched('int_lines_classified', 'invoice_number') }}

),

matches as (

    select
        coalesce(sum(units), 0) as units,
        coalesce(sum(amount), 0) as amount
    from {{ ref('int_cancellations_matched') }}
    where
        match_type <> 'none'
        and (
            {{ pg_wap.is_touched('int_cancellations_matched', 'sale_invoice_number') }}
            or {{ pg_wap.is_touched('int_lines_classified', 'sale_invoice_number') }}
        )

),

invoices as (

    select
        coalesce(sum(units_cancelled), 0) as units_cancelled,
        coalesce(sum(cancelled_amount), 0) as cancelled_amount
    from {{ ref('fct_invoice_lifecycle') }}
    where
        {{ pg_wap.is_touched('int_cancellations_matched', 'invoice_number') }}
        or {{ pg_wap.is_touched('int_lines_classified', 'invoice_number') }}

),

measures as (

    select
        measures.measure,
        measures.expected,
        measures.found
    from lines
    cross join cancellations
    cross join matches
    cross join invoices
    cross join lateral (
        values
        ('cancelled lines', lines.lines, cancellations.lines),
        ('cancelled amount', lines.amount, cancellations.amount),
        ('matched units on invoices', matches.units, invoices.units_cancelled),
        ('matched amount on invoices', matches.amount, invoices.cancelled_amount)
    ) as measures (measure, expected, found)

),

final as (

    select *
    from measures
    where expected is distinct from found

)

select * from final
