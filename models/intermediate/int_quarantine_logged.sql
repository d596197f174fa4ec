{{ config(
    materialized='stable_view',
    alias='quarantine_log',
    post_hook='{{ give_rights(this) }}',
) }}

with

states as (

    {#- Before the first snapshot, no line has been released. #}
    select *
    from
        {{ pg_wap.snapshot_or_source(
            ref('snp_quarantine_versions'),
            ref('int_lines_quarantined'),
            {'release_kind': 'text', 'released_by_file_id': 'integer', 'released_by_file_name': 'text'},
        ) }}

),

latest_states as (

    select * from states
    where dbt_valid_to is null

),

pasts as (

    select
        file_id,
        file_line,
        min(dbt_valid_from) at time zone 'utc' as quarantined_at,
        count(release_kind) as times_released
    from states
    group by file_id, file_line

),

dated as (

    select
        latest_states.*,
        pasts.quarantined_at,
        pasts.times_released,
        case
            when latest_states.release_kind is not null then latest_states.dbt_valid_from at time zone 'utc'
        end as released_at
    from latest_states
    inner join pasts on latest_states.file_id = pasts.file_id and latest_states.file_line = pasts.file_line

),

final as (

    select
        file_id,
        file_line,
        file_name,
        invoice,
        quarantine_reasons,

        release_kind is null as is_waiting,
        release_kind,
        released_by_file_id,
        released_by_file_name,

        extract(day from coalesce(released_at, now()) - first_seen_at)::integer as days_waited,
        times_released,

        first_seen_at,
        quarantined_at,
        released_at
    from dated

)

select * from final
