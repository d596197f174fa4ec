-- The unknown member is for lines that name nothing; a line that names somebody and lands there has lost him.
with

lines as (

    select
        count(*) filter (where customer_id is null) as lines_without_customer,
        0 as lines_without_product
    from {{ ref('int_lines_classified') }}

),

facts as (

    select
        count(*) filter (where customer_key = -1) as lines_without_customer,
        count(*) filter (where product_key = -1) as lines_without_product
    from {{ ref('fct_sales') }}

),

final as (

    select
        lines.lines_without_customer as silver_lines_without_customer,
        facts.lines_without_customer as fact_lines_without_customer,
        facts.lines_without_product as fact_lines_without_product
    from lines
    cross join facts
    where
        lines.lines_without_customer <> facts.lines_without_customer
        or lines.lines_without_product <> facts.lines_without_product

)

select * from final
