-- A few bad lines are dirt; many mean that a format changed, and gold without them would mislead.
with

counted as (

    select
        (select count(*) from {{ source('retail', 'transactions') }}) as bronze_lines,
        (select count(*) from {{ ref('int_lines_quarantined') }}) as quarantined_lines

),

final as (

    select *
    from counted
    where quarantined_lines > {{ var('max_quarantined_share') }} * bronze_lines

)

select * from final
