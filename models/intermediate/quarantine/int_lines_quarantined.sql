{{ config(
    alias='quarantined_lines',
    unique_key=['file_id', 'file_line'],
    touched_by="
        select
            lines.file_id,
            lines.file_line
        from {{ ref('stg_retail__transactions') }} as lines
        where
            not lines.is_usable
            and (
                lines.file_id in (select file_id from {{ pg_wap.changes_of('stg_retail__landed_files') }})
                or lines.invoice_number in (select invoice_number from {{ pg_wap.changes_of('stg_retail__transactions') }})
            )
        union all
        select
            set_aside.file_id,
            set_aside.file_line
        from {{ this }} as set_aside
        inner join {{ pg_wap.changes_of('stg_retail__landed_files') }} as files on set_aside.file_id = files.file_id
    ",
    logged_columns=['file_id'],
    check_column='file_id',
) }}

with

lines as (

    select * from {{ ref('stg_retail__transactions') }}

),

supplied as (

    select * from {{ ref('int_invoices_supplied') }}

),

delivered_lines as (

    select * from {{ source('retail', 'transactions') }}
    {{ pg_wap.only_touched('_file_id', keys='file_id', by='lookup', after='where') }}

),

landed_files as (

    select * from {{ source('retail', 'landed_files') }}

),

unusable as (

    select
        lines.file_id,
        lines.file_line,
        lines.quarantine_reasons
    from lines
    left join supplied on lines.invoice_number = supplied.invoice_number and lines.file_id = supplied.file_id
    where
        not lines.is_usable
        {{ pg_wap.only_touched(['lines.file_id', 'lines.file_line'], after='and') }}
        -- A line that a later delivery replaced is superseded, not quarantined.
        and (lines.invoice_number is null or supplied.file_id is not null)

),

final as (

    select
        unusable.file_id,
        unusable.file_line,
        landed_files.name as file_name,
        unusable.quarantine_reasons,

        delivered_lines.invoice,
        delivered_lines.stock_code,
        delivered_lines.description,
        delivered_lines.quantity,
        delivered_lines.invoice_date,
        delivered_lines.unit_price,
        delivered_lines.customer_id,
        delivered_lines.country,

        landed_files.landed_at as first_seen_at
    from unusable
    inner join delivered_lines
        on unusable.file_id = delivered_lines._file_id and unusable.file_line = delivered_lines._line
    inner join landed_files on unusable.file_id = landed_files.file_id

)

select * from final
