{{ config(
    unique_key=['customer_hk', 'applied_at', 'reading'],
    touched_by={'int_customer_versions': {
        'customer_id': 'customer_id',
        'customer_hk': pg_vault.hash_key(['customer_id']),
    }},
) }}

{{ pg_vault.satellite(ref('int_customer_versions'), ref('stg_retail__landed_files')) }}
