{% snapshot snp_quarantine_versions %}

{#- Only the build that releases a line can see why, because the correction may be taken back later. So the snapshot
    reads its own rows and keeps what it knows about lines that were released before. -#}
with

quarantined_lines as (

    select * from {{ ref('int_lines_quarantined') }}

),

lines as (

    select * from {{ ref('stg_retail__transactions') }}

),

supplied as (

    select * from {{ ref('int_invoices_supplied') }}

),

landed_files as (

    select * from {{ ref('stg_retail__landed_files') }}

),

waiting as (

    select
        file_id,
        file_line,
        file_name,
        invoice,
        quarantine_reasons,
        first_seen_at,
        null::text as release_kind,
        null::integer as released_by_file_id,
        null::text as released_by_file_name
    from quarantined_lines

),

known_lines as (

    {% if load_cached_relation(this) -%}
    select
        file_id,
        file_line,
        file_name,
        invoice,
        quarantine_reasons,
        first_seen_at,
        release_kind,
        released_by_file_id,
        released_by_file_name
    from {{ this }}
    where dbt_valid_to is null
    {%- else -%}
    select * from waiting
    where false
    {%- endif %}

),

released as (

    select known_lines.*
    from known_lines
    left join waiting on known_lines.file_id = waiting.file_id and known_lines.file_line = waiting.file_line
    where waiting.file_id is null

),

newly_released as (

    select * from released
    where release_kind is null

),

released_files as (

    select * from lines
    -- With an array, the planner looks up rows by their file.
    where file_id = any(array(select newly_released.file_id from newly_released))

),

superseded as (

    select
        newly_released.file_id,
        newly_released.file_line,
        supplied.file_id as superseded_by_file_id
    from newly_released
    inner join released_files
        on newly_released.file_id = released_files.file_id and newly_released.file_line = released_files.file_line
    inner join supplied
        on released_files.invoice_number = supplied.invoice_number and released_files.file_id < supplied.file_id

),

explained as (

    select
        newly_released.file_id,
        newly_released.file_line,
        newly_released.file_name,
        newly_released.invoice,
        newly_released.quarantine_reasons,
        newly_released.first_seen_at,
        case
            when own_files.file_id is null then 'file_taken_back'
            when superseded.file_id is not null then 'corrected_delivery'
            else 'rule_changed'
        end as release_kind,
        case
            when own_files.file_id is null then newly_released.file_id
            else superseded.superseded_by_file_id
        end as released_by_file_id,
        case
            when own_files.file_id is null then newly_released.file_name
            else correcting_files.file_name
        end as released_by_file_name
    from newly_released
    left join landed_files as own_files on newly_released.file_id = own_files.file_id
    left join superseded
        on newly_released.file_id = superseded.file_id and newly_released.file_line = superseded.file_line
    left join landed_files as correcting_files on superseded.superseded_by_file_id = correcting_files.file_id

),

final as (

    select * from waiting

    union all

    select * from explained

    union all

    select * from released
    where release_kind is not null

)

select * from final

{% endsnapshot %}
