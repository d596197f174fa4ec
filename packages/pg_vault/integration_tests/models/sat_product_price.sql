{{ config(
    unique_key=['product_hk', 'applied_at', 'file_id', 'file_line', 'reading'],
    touched_by={'prices': {'product': 'product', 'product_hk': pg_vault.hash_key(['product'])}},
) }}

{{ pg_vault.satellite(ref('prices'), ref('files')) }}
