{{ config(
    unique_key='product_category_lk',
) }}

{{ pg_vault.link(ref('stage_product_categories'), ref('stg_retail__landed_files')) }}
