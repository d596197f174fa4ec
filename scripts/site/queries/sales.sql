-- Money and units by day, country of the line, segment and categories as they were, and line type. In the order of the
-- days, which compresses best.
select
    sales.date_day,
    countries.country_name,
    customers.segment,
    products.categories,
    sales.line_type,
    count(*)::integer as lines,
    sum(sales.quantity)::bigint as quantity,
    sum(sales.net_amount) as net_amount
from {gold}.fct_sales as sales
inner join {gold}.dim_country as countries on sales.country_key = countries.country_key
inner join {gold}.dim_customer as customers on sales.customer_key = customers.customer_key
inner join {gold}.dim_product as products on sales.product_key = products.product_key
group by sales.date_day, countries.country_name, customers.segment, products.categories, sales.line_type
order by sales.date_day, countries.country_name, customers.segment, products.categories, sales.line_type
