-- Cancellations without a sale mean that sales are missing, or that customers or products have new numbers.
{{ config(
    group='finance',
    severity='warn',
    meta={'threshold': ['min_matched_cancellations_share', 'min_cancelled_lines']},
) }}

with

counted as (

    select
        count(*) as cancelled_lines,
        count(*) filter (where match_type <> 'none') as matched_lines
    from {{ ref('int_cancellations_matched') }}

),

final as (

    select *
    from counted
    where
        cancelled_lines >= {{ var('min_cancelled_lines') }}
        and matched_lines < {{ var('min_matched_cancellations_share') }} * cancelled_lines

)

select * from final
