-- A file of which rows are missing, or are there twice, would make every total wrong with nothing to show it.
with

landed_files as (

    select * from {{ source('retail', 'landed_files') }}

),

transactions as (

    select
        _file_id as file_id,
        count(*) as rows_found
    from {{ source('retail', 'transactions') }}
    group by _file_id

),

final as (

    select
        coalesce(landed_files.file_id, transactions.file_id) as file_id,
        landed_files.name,
        landed_files.rows_loaded,
        transactions.rows_found
    from landed_files
    full outer join transactions on landed_files.file_id = transactions.file_id
    where
        (landed_files.source = 'transactions' or landed_files.source is null)
        and coalesce(transactions.rows_found, 0) is distinct from landed_files.rows_loaded

)

select * from final
