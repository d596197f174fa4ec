-- What is taken back is read off the lifecycle of invoices: a cancellation lost on the way makes a sale look kept.
with

lines as (

    select
        count(*) as lines,
        sum(-net_amount) as amount
    from {{ ref('int_lines_classified') }}
    where line_type = 'return' and is_cancellation and customer_id is not null

),

cancellations as (

    select
        count(*) as lines,
        sum(amount) as amount,
        coalesce(sum(units) filter (where match_type <> 'none'), 0) as matched_units,
        coalesce(sum(amount) filter (where match_type <> 'none'), 0) as matched_amount
    from {{ ref('int_cancellations_matched') }}

),

invoices as (

    select
        coalesce(sum(units_cancelled), 0) as units_cancelled,
        coalesce(sum(cancelled_amount), 0) as cancelled_amount
    from {{ ref('fct_invoice_lifecycle') }}

),

measures as (

    select
        measures.measure,
        measures.expected,
        measures.found
    from lines
    cross join cancellations
    cross join invoices
    cross join lateral (
        values
        ('cancelled lines', lines.lines, cancellations.lines),
        ('cancelled amount', lines.amount, cancellations.amount),
        ('matched units on invoices', cancellations.matched_units, invoices.units_cancelled),
        ('matched amount on invoices', cancellations.matched_amount, invoices.cancelled_amount)
    ) as measures (measure, expected, found)

),

final as (

    select *
    from measures
    where expected is distinct from found

)

select * from final
