{{ config(
    materialized='incremental_by_key',
    unique_key=['file_id', 'file_line'],
    touched_by={'stg_retail__transactions': 'file_id'},
    logged_columns=['file_id'],
    indexes=[{'columns': ['file_id'], 'type': 'brin', 'with': 'autosummarize = on'}],
) }}

with

described_lines as (

    select * from {{ ref('stg_retail__transactions') }}
    where is_usable and description is not null {{ pg_wap.only_touched('file_id', after='and') }}

),

compared as (

    select
        file_id,
        file_line,
        stock_code,
        invoiced_at,
        description,
        lag(description) over (
            partition by file_id, stock_code
            order by invoiced_at, file_line
        ) as description_before
    from described_lines

),

final as (

    select
        file_id,
        file_line,

        stock_code,
        invoiced_at,

        description
    from compared
    where description is distinct from description_before

)

select * from final
