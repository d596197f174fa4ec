{{ config(materialized='stable_view') }}

select
    product,
    changed_on,
    shop,
    max(price) as price
from {{ ref('prices') }}
where product is not null and shop is not null
group by product, changed_on, shop
