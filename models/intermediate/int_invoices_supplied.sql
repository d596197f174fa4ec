with

lines as (

    select * from {{ ref('int_lines_typed') }}

),

final as (

    select
        invoice_number,

        -- file ids are given out in the order of landing: the highest is the latest delivery
        max(file_id) as file_id,
        count(distinct file_id)::integer as deliveries
    from lines
    where invoice_number is not null
    group by invoice_number

)

select * from final
