{{ config(unique_key='product_shop_lk', touched_by={'prices': 'file_id'}) }}

{{ pg_vault.link(ref('prices'), ref('files')) }}
