{{ config(
    unique_key=['product_hk', 'applied_at', 'file_id', 'file_line', 'reading'],
) }}

{{ pg_vault.satellite(ref('stg_retail__products'), ref('stg_retail__landed_files')) }}
