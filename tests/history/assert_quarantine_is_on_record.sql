-- The record outlives the quarantine: a line that is not recorded while it waits leaves no trace.
{{ config(group='platform', severity='error') }}

with

waiting as (

    select * from {{ ref('int_lines_quarantined') }}

),

on_record as (

    select * from {{ ref('int_quarantine_logged') }}
    where is_waiting

),

final as (

    select
        coalesce(waiting.file_id, on_record.file_id) as file_id,
        coalesce(waiting.file_line, on_record.file_line) as file_line,
        waiting.quarantine_reasons,
        on_record.quarantine_reasons as reasons_on_record
    from waiting
    full outer join on_record on waiting.file_id = on_record.file_id and waiting.file_line = on_record.file_line
    where waiting.quarantine_reasons is distinct from on_record.quarantine_reasons

)

select * from final
