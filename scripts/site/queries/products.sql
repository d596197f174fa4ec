-- Merchandise by product and month, with the country of the line, and segment and categories as they were. The order of the
-- grouping lets PostgreSQL sort in parallel, and compresses best.
select
    products.stock_code,
    date_trunc('month', sales.date_day::timestamp)::date as month_start,
    countries.country_name,
    customers.segment,
    products.categories,
    coalesce(sum(sales.net_amount) filter (where sales.line_type = 'sale'), 0) as sale_amount,
    coalesce(sum(sales.net_amount) filter (where sales.line_type = 'return'), 0) as return_amount,
    coalesce(sum(sales.quantity) filter (where sales.line_type = 'sale'), 0)::bigint as units_sold,
    coalesce(-sum(sales.quantity) filter (where sales.line_type = 'return'), 0)::bigint as units_returned
from {gold}.fct_sales as sales
inner join {gold}.dim_country as countries on sales.country_key = countries.country_key
inner join {gold}.dim_customer as customers on sales.customer_key = customers.customer_key
inner join {gold}.dim_product as products on sales.product_key = products.product_key
where sales.line_type in ('sale', 'return')
group by
    products.stock_code,
    date_trunc('month', sales.date_day::timestamp),
    countries.country_name,
    customers.segment,
    products.categories
order by
    products.stock_code,
    date_trunc('month', sales.date_day::timestamp),
    countries.country_name,
    customers.segment,
    products.categories
