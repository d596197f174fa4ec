{% test holds_what_the_ledger_says(model, ledger) %}

with

landed_files as (

    select * from {{ ledger }}
    where source_table = '{{ model.identifier }}' and {{ pg_wap.is_touched('stg_retail__landed_files', 'file_id') }}

),

bronze_rows as (

    select
        _file_id as file_id,
        count(*) as rows_found
    from {{ model }}
    where {{ pg_wap.is_touched('stg_retail__landed_files', '_file_id') }}
    group by _file_id

),

final as (

    select
        coalesce(landed_files.file_id, bronze_rows.file_id) as file_id,
        landed_files.file_name,
        landed_files.rows_loaded,
        bronze_rows.rows_found
    from landed_files
    full outer join bronze_rows on landed_files.file_id = bronze_rows.file_id
    where coalesce(bronze_rows.rows_found, 0) is distinct from landed_files.rows_loaded

)

select * from final

{% endtest %}
