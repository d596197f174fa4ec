{{ config(
    unique_key=['invoice_customer_lk', 'applied_at', 'reading'],
    touched_by={'int_invoices_summed': {
        'invoice_number': 'invoice_number',
        'invoice_customer_lk': pg_vault.hash_of(['invoice_number', 'customer_id']),
    }},
) }}

-- depends_on: {{ ref('int_invoices_summed') }}
{{ pg_vault.satellite(ref('stage_invoice_customers'), ref('stg_retail__landed_files')) }}
