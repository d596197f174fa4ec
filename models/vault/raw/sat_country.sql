{{ config(
    unique_key=['country_hk', 'applied_at', 'reading'],
) }}

{{ pg_vault.satellite(ref('countries'), ref('stg_retail__landed_files')) }}
