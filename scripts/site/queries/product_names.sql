-- The present name of each product that was sold or returned.
select
    stock_code,
    current_description
from {gold}.dim_product
where is_current and product_key <> -1
order by stock_code
