-- Who counts products that did not sell trusts those that did: on each day, as many as there are in the lines.
with

sold as (

    select
        date_key,
        count(distinct product_durable_key) as products_sold
    from {{ ref('fct_sales') }}
    where
        line_type = 'sale'
        and {{ is_touched('fct_product_offered_day', 'invoiced_on', data_type='date') }}
    group by date_key

),

offered as (

    select
        date_key,
        count(*) filter (where is_sold) as products_shown_as_sold
    from {{ touched_rows(ref('fct_product_offered_day')) }}
    group by date_key

),

final as (

    select
        coalesce(sold.date_key, offered.date_key) as date_key,
        sold.products_sold,
        offered.products_shown_as_sold
    from sold
    full outer join offered on sold.date_key = offered.date_key
    where sold.products_sold is distinct from offered.products_shown_as_sold

)

select * from final
