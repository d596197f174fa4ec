{{ config(
    unique_key='category_hk',
) }}

{{ pg_vault.hub([ref('stage_product_categories')], ref('stg_retail__landed_files')) }}
