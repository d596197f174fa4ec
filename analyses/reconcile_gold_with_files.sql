with

landed_files as (

    select * from {{ source('retail', 'landed_files') }}

),

gold_lines as (

    select
        file_id,
        count(*) as gold_lines,
        sum(net_amount) as net_amount
    from {{ ref('fct_sales') }}
    group by file_id

),

quarantined_lines as (

    select
        file_id,
        count(*) as quarantined_lines
    from {{ ref('int_lines_quarantined') }}
    group by file_id

),

final as (

    select
        landed_files.file_id,
        landed_files.name,
        landed_files.rows_read,
        landed_files.rows_rejected,
        landed_files.rows_loaded,
        coalesce(gold_lines.gold_lines, 0) as gold_lines,
        coalesce(quarantined_lines.quarantined_lines, 0) as quarantined_lines,
        landed_files.rows_loaded
        - coalesce(gold_lines.gold_lines, 0)
        - coalesce(quarantined_lines.quarantined_lines, 0) as superseded_lines,
        coalesce(gold_lines.net_amount, 0) as net_amount
    from landed_files
    left join gold_lines on landed_files.file_id = gold_lines.file_id
    left join quarantined_lines on landed_files.file_id = quarantined_lines.file_id
    where landed_files.source = 'transactions'

)

select * from final
order by file_id
