{{ config(
    unique_key='country_hk',
    touched_by={'stg_retail__transactions': 'file_id'},
) }}

{{ pg_vault.hub([ref('stg_retail__transactions'), ref('countries')], ref('stg_retail__landed_files')) }}
