{{ config(
    unique_key=['customer_hk', 'applied_at', 'file_id', 'file_line', 'reading'],
) }}

{{ pg_vault.satellite(ref('stg_retail__customers'), ref('stg_retail__landed_files')) }}
