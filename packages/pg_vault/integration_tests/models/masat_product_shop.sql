{{ config(unique_key=['product_hk', 'applied_at', 'shop', 'reading']) }}

{{ pg_vault.multi_active_satellite(ref('shops_of_day'), ref('files')) }}
