{{ config(unique_key=['product_hk', 'holds_from'], touched_by={'sat_product_price': 'product_hk'}) }}

{{ pg_vault.pit([ref('sat_product_price')]) }}
