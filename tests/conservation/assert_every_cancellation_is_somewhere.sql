-- A cancelled line that is left out takes nothing off its sale, and one that is there twice takes it off twice.
with

cancelled_lines as (

    select
        count(*) as silver_lines,
        coalesce(sum(-net_amount), 0) as silver_amount
    from {{ ref('int_lines_classified') }}
    where line_type = 'return' and is_cancellation and customer_id is not null

),

cancellations as (

    select
        count(*) as cancellation_lines,
        coalesce(sum(amount), 0) as cancelled_amount
    from {{ ref('int_cancellations_matched') }}

),

final as (

    select
        cancelled_lines.silver_lines,
        cancellations.cancellation_lines,
        cancelled_lines.silver_amount,
        cancellations.cancelled_amount
    from cancelled_lines
    cross join cancellations
    where
        cancelled_lines.silver_lines <> cancellations.cancellation_lines
        or cancelled_lines.silver_amount <> cancellations.cancelled_amount

)

select * from final
