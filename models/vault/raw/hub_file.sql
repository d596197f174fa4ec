{{ config(
    unique_key='file_hk',
) }}

{{ pg_vault.hub([ref('stg_retail__landed_files')], ref('stg_retail__landed_files')) }}
