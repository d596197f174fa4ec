{{ config(unique_key=['file_id', 'file_line'], logged_columns=['file_id', 'product']) }}

select
    file_id,
    file_line,
    product,
    changed_on,
    shop,
    price
from {{ source('raw', 'prices') }}
