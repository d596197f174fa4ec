-- A few bad lines are normal; many mean that a format changed, and gold would mislead without them. Each file is also
-- checked alone, so that one bad day cannot hide behind two good years.
{{ config(group='platform', severity='error', meta={'threshold': ['max_quarantined_share', 'min_quarantined_lines']}) }}

with

landed_files as (

    select *
    from {{ source('retail', 'landed_files') }}
    where source = 'transactions'

),

quarantined as (

    select
        file_id,
        count(*) as quarantined_lines
    from {{ ref('int_lines_quarantined') }}
    group by file_id

),

files as (

    select
        landed_files.name as file_name,
        landed_files.rows_loaded as delivered_lines,
        coalesce(quarantined.quarantined_lines, 0) as quarantined_lines
    from landed_files
    left join quarantined on landed_files.file_id = quarantined.file_id

),

shares as (

    select * from files

    union all

    select
        'all files' as file_name,
        sum(delivered_lines) as delivered_lines,
        sum(quarantined_lines) as quarantined_lines
    from files

),

final as (

    select *
    from shares
    where
        quarantined_lines >= {{ var('min_quarantined_lines') }}
        and quarantined_lines > {{ var('max_quarantined_share') }} * delivered_lines

)

select * from final
