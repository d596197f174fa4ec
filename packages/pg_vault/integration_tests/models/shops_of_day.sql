{{ config(materialized='stable_view') }}

select
    product,
    changed_on,
    shop,
    max(price) as price
from {{ ref('prices') }}
group by product, changed_on, shop
