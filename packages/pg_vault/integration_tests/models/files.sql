{{ config(unique_key='file_id') }}

select
    file_id,
    landed_at
from {{ source('raw', 'files') }}
