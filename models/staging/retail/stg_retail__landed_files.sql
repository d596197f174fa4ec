{{ config(
    materialized='incremental_by_key',
    unique_key='file_id',
    check_column='file_id',
) }}

with

landed_files as (

    select
        *,
        case when source = 'transactions' then {{ export_name('name') }} end as export_name
    from {{ source('retail', 'landed_files') }}

),

parts as (

    -- A part that was delivered again replaces the part of that name.
    select
        *,
        export_name is not null
        and file_id = max(file_id) over (partition by source, name) as is_part
    from landed_files

),

final as (

    select
        file_id,
        source as source_table,
        name as file_name,

        rows_loaded - rows_erased as rows_loaded,
        case when is_part then min(file_id) over (partition by export_name, is_part) else file_id end as delivery_id,

        -- A ledger in which nothing has landed since an upgrade lacks the column.
        to_jsonb(parts) -> 'reading' ->> 'date_order' as date_order,
        to_jsonb(parts) -> 'reading' ->> 'decimal_mark' as decimal_mark,

        landed_at
    from parts

)

select * from final
