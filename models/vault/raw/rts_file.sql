{{ config(
    unique_key=['file_hk', 'applied_at', 'reading'],
) }}

{{ pg_vault.satellite(ref('stg_retail__landed_files'), ref('stg_retail__landed_files')) }}
