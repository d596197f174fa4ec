{{ config(
    unique_key='customer_hk',
    touched_by={'stg_retail__transactions': 'file_id', 'stg_retail__landed_files': 'file_id'},
) }}

{{ pg_vault.hub([ref('stg_retail__transactions'), ref('stg_retail__customers')], ref('stg_retail__landed_files')) }}
