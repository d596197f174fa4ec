-- Merchandising, each morning: which twenty products bring the most this month, and how did they rank last month and
-- in the same month last year? Amounts and net units are merchandise minus returns, because a large order that came
-- back is no success: PAPER CRAFT, LITTLE BIRDIE sold 80,995 units and kept none.
with

products as (

    select * from {{ ref('dim_product') }}
    where is_current

),

last_day as (

    select max(date_day) as date_day from {{ ref('daily_sales') }}

),

months as (

    select
        {{ month_start('date_day') }} as this_month,
        ({{ month_start('date_day') }} - interval '1 month')::date as last_month,
        ({{ month_start('date_day') }} - interval '1 year')::date as month_last_year
    from last_day

),

product_months as (

    select
        month_start,
        product_durable_key,
        sum(units_sold) as units_sold,
        sum(units_returned) as units_returned,
        sum(net_units) as net_units,
        sum(net_amount) as net_amount,
        rank() over (partition by month_start order by sum(net_amount) desc) as place
    from {{ ref('monthly_product_sales') }}
    where
        month_start in (
            (select months.this_month from months),
            (select months.last_month from months),
            (select months.month_last_year from months)
        )
        and line_type in ('sale', 'return')
    group by month_start, product_durable_key

),

leaders as (

    select product_months.*
    from product_months
    inner join months on product_months.month_start = months.this_month
    where product_months.place <= 20

),

final as (

    select
        leaders.place,
        products.stock_code,
        products.current_description,
        products.current_category,
        leaders.units_sold,
        leaders.units_returned,
        leaders.net_units,
        round(leaders.net_amount, 2) as net_amount,
        round(last_month.net_amount, 2) as net_amount_last_month,
        last_month.place as place_last_month,
        round(last_year.net_amount, 2) as net_amount_last_year,
        last_year.place as place_last_year
    from leaders
    cross join months
    inner join products on leaders.product_durable_key = products.product_durable_key
    left join product_months as last_month
        on
            leaders.product_durable_key = last_month.product_durable_key
            and months.last_month = last_month.month_start
    left join product_months as last_year
        on
            leaders.product_durable_key = last_year.product_durable_key
            and months.month_last_year = last_year.month_start
)

select * from final
order by place, stock_code
