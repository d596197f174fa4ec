{{ config(
    unique_key=['product_hk', 'holds_from'],
    touched_by={'csat_product_version': 'product_hk', 'sat_product_price': 'product_hk'},
) }}

{{ pg_vault.pit([ref('csat_product_version'), ref('sat_product_price')]) }}
