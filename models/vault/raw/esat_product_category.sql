{{ config(
    unique_key=['product_category_lk', 'applied_at', 'file_id', 'file_line', 'reading'],
) }}

{{ pg_vault.satellite(ref('stage_product_category_effects'), ref('stg_retail__landed_files')) }}
