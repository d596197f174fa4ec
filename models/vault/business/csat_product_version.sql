{{ config(
    unique_key=['product_hk', 'applied_at', 'reading'],
    touched_by={'int_product_versions': {
        'stock_code': 'stock_code',
        'product_hk': pg_vault.hash_key(['stock_code']),
    }},
) }}

{{ pg_vault.satellite(ref('int_product_versions'), ref('stg_retail__landed_files')) }}
