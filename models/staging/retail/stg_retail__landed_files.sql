{{ config(
    materialized='incremental_by_key',
    unique_key='file_id',
    check_column='file_id',
) }}

with

landed_files as (

    select * from {{ source('retail', 'landed_files') }}

),

final as (

    select
        file_id,
        source as source_table,
        name as file_name,

        rows_loaded,

        landed_at
    from landed_files

)

select * from final
