-- How an amount is divided among the categories of a product, in units of 1/10,000, as in the bridge.
select distinct
    products.categories,
    bridge.category,
    (bridge.weight * 10000)::integer as weight
from {gold}.dim_product as products
inner join {gold}.bridge_product_category as bridge on products.product_key = bridge.product_key
order by products.categories, bridge.category
