{{ config(
    unique_key='invoice_customer_lk',
    touched_by={'stg_retail__transactions': 'file_id'},
) }}

{{ pg_vault.link(ref('stg_retail__transactions'), ref('stg_retail__landed_files')) }}
