-- A waiting line is money that no report shows: quarantine is for lines that will be fixed, not for forgotten lines.
{{ config(
    group='platform',
    severity='error',
    error_if='> 0 and bool_or(is_error)',
    meta={'threshold': ['quarantine_warn_days', 'quarantine_fail_days']},
) }}

with

quarantined_lines as (

    select * from {{ ref('int_lines_quarantined') }}

),

aged as (

    select
        file_id,
        file_line,
        file_name,
        quarantine_reasons,
        first_seen_at,
        now() - first_seen_at as age
    from quarantined_lines

),

final as (

    select
        file_id,
        file_line,
        file_name,
        quarantine_reasons,
        first_seen_at,
        extract(day from age)::integer as days_waiting,
        age > make_interval(days => {{ var('quarantine_fail_days') }}) as is_error
    from aged
    where age > make_interval(days => {{ var('quarantine_warn_days') }})

)

select * from final
