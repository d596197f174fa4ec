{{ config(
    unique_key=['product_hk', 'applied_at', 'file_id', 'file_line', 'category', 'reading'],
) }}

{{ pg_vault.multi_active_satellite(ref('stage_product_categories'), ref('stg_retail__landed_files')) }}
