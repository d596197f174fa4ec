{{ config(unique_key='product_hk', touched_by={'prices': 'file_id'}) }}

{{ pg_vault.hub([ref('prices')], ref('files')) }}
