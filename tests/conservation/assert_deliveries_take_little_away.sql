-- A delivery that lacks lines of an earlier one takes them out of gold: a correction does so on purpose, and an invoice
-- that was cut in two by the end of a file, or a number that a till used again, by accident.
{{ config(group='platform', severity='warn', meta={'threshold': ['max_lines_taken_away']}) }}

with

superseded as (

    select * from {{ pg_wap.touched_rows(ref('int_deliveries_superseded')) }}

),

landed_files as (

    select * from {{ ref('stg_retail__landed_files') }}

),

final as (

    select
        landed_files.file_name,
        count(*) filter (where superseded.lines_taken_away > 0) as invoices,
        sum(superseded.lines_taken_away) as lines_taken_away,
        sum(superseded.net_amount_taken_away) as net_amount_taken_away
    from superseded
    inner join landed_files on superseded.superseded_by = landed_files.file_id
    group by landed_files.file_id, landed_files.file_name
    having sum(superseded.lines_taken_away) > {{ var('max_lines_taken_away') }}

)

select * from final
