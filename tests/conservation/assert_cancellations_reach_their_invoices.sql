-- What is taken back is read off the lifecycle of invoices: a match that gets lost there makes a sale look kept.
with

matched as (

    select
        coalesce(sum(units), 0) as matched_units,
        coalesce(sum(amount), 0) as matched_amount
    from {{ ref('int_cancellations_matched') }}
    where match_type <> 'none'

),

invoices as (

    select
        coalesce(sum(units_cancelled), 0) as cancelled_units,
        coalesce(sum(cancelled_amount), 0) as cancelled_amount
    from {{ ref('fct_invoice_lifecycle') }}

),

final as (

    select
        matched.matched_units,
        invoices.cancelled_units,
        matched.matched_amount,
        invoices.cancelled_amount
    from matched
    cross join invoices
    where
        matched.matched_units <> invoices.cancelled_units
        or matched.matched_amount <> invoices.cancelled_amount

)

select * from final
