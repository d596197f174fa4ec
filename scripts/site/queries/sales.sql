-- Money and units by day, country of the line, segment as it was, categories as they were, and line type.
with

sales as (

    select
        date_day,
        country_key,
        customer_key,
        product_key,
        line_type,
        count(*) as lines,
        sum(quantity) as quantity,
        sum(net_amount) as net_amount
    from {gold}.fct_sales
    group by date_day, country_key, customer_key, product_key, line_type

),

final as (

    select
        sales.date_day,
        countries.country_name,
        customers.segment,
        products.categories,
        sales.line_type,
        sum(sales.lines)::integer as lines,
        sum(sales.quantity)::bigint as quantity,
        sum(sales.net_amount) as net_amount
    from sales
    inner join {gold}.dim_country as countries on sales.country_key = countries.country_key
    inner join {gold}.dim_customer as customers on sales.customer_key = customers.customer_key
    inner join {gold}.dim_product as products on sales.product_key = products.product_key
    group by sales.date_day, countries.country_name, customers.segment, products.categories, sales.line_type

)

select * from final
order by date_day, country_name, segment, categories, line_type
