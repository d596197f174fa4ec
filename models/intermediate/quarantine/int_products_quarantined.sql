{{ config(
    alias='quarantined_products',
    unique_key=['file_id', 'file_line'],
    logged_columns=['file_id'],
    check_column='file_id',
) }}

{{ quarantined_rows('products', ['stock_code', 'category', 'cost', 'list_price', 'effective_date']) }}
