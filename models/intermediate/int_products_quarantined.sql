{{ config(
    alias='quarantined_products',
    unique_key=['file_id', 'file_line'],
    logged_columns=['file_id'],
    check_column='file_id',
) }}

with

price_rows as (

    select * from {{ ref('stg_retail__products') }}

),

delivered_rows as (

    select * from {{ source('retail', 'products') }}

),

landed_files as (

    select * from {{ source('retail', 'landed_files') }}

),

final as (

    select
        price_rows.file_id,
        price_rows.file_line,
        landed_files.name as file_name,
        price_rows.quarantine_reasons,

        delivered_rows.stock_code,
        delivered_rows.category,
        delivered_rows.cost,
        delivered_rows.list_price,
        delivered_rows.effective_date,

        landed_files.landed_at as first_seen_at
    from price_rows
    inner join delivered_rows
        on price_rows.file_id = delivered_rows._file_id and price_rows.file_line = delivered_rows._line
    inner join landed_files on price_rows.file_id = landed_files.file_id
    where not price_rows.is_usable

)

select * from final
