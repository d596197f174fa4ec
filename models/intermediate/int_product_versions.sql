{#- The gates on what was delivered (ledger, quarantine, conservation) look at the quarantine too, and dbt lets a model
    wait for a gate only if it comes after all that the gate looks at. History is written from here on, so it waits. -#}
-- depends_on: {{ ref('int_lines_quarantined') }}
with

lines as (

    select * from {{ ref('int_lines_classified') }}

),

product_classes as (

    select * from {{ ref('product_classes') }}

),

monthly_descriptions as (

    select
        stock_code,
        description,
        date_trunc('month', invoiced_on)::date as month_start,
        count(*) as lines,
        count(*) filter (where quantity > 0 and unit_price > 0 and not is_cancellation) as sale_lines
    from lines
    group by stock_code, description, date_trunc('month', invoiced_on)

),

products as (

    select
        stock_code,
        min(month_start) as first_month_start
    from monthly_descriptions
    group by stock_code

),

candidates as (

    select
        *,
        sum(sale_lines) over (partition by stock_code) > 0 as is_product_sold
    from monthly_descriptions
    where
        description is not null
        and not {{ is_stock_note('description') }}

),

elected as (

    -- one description a product and month: most sale lines win; a product that was never sold goes by all its lines
    select distinct on (stock_code, month_start)
        stock_code,
        month_start,
        description
    from candidates
    where sale_lines > 0 or not is_product_sold
    order by stock_code asc, month_start asc, sale_lines desc, lines desc, description collate "C" asc

),

changes as (

    select
        *,
        lag(description) over (partition by stock_code order by month_start) as previous_description
    from elected

),

versions as (

    select
        stock_code,
        description,
        month_start,
        row_number() over (partition by stock_code order by month_start) as version_number
    from changes
    where description is distinct from previous_description

),

final as (

    select
        products.stock_code,
        -- the first version reaches back to the product's first line, which may be older than its first description
        case
            when versions.version_number > 1 then versions.month_start
            else products.first_month_start
        end as valid_from,

        versions.description,
        coalesce(product_classes.product_class, 'merchandise') as product_class
    from products
    left join versions on products.stock_code = versions.stock_code
    left join product_classes
        on {{ stock_code_family('products.stock_code') }} = product_classes.stock_code

)

select * from final
