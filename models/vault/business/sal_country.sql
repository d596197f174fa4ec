{{ config(
    unique_key=['country_hk', 'applied_at', 'reading'],
) }}

{{ pg_vault.satellite(ref('stage_country_spellings'), ref('stg_retail__landed_files')) }}
