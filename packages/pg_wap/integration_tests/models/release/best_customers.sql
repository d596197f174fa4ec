{{ config(materialized='published_view') }}

select
    customer_id,
    amount
from {{ ref('customer_totals') }}
where amount > 9
