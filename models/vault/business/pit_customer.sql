{{ config(
    unique_key=['customer_hk', 'holds_from'],
    touched_by={'csat_customer_version': 'customer_hk', 'csat_customer_rfm': 'customer_hk'},
) }}

{{ pg_vault.pit([ref('csat_customer_version'), ref('csat_customer_rfm')]) }}
