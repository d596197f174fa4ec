with

sales as (

    select * from {{ ref('fct_sales') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

final as (

    select
        dates.month_start,
        sum(sales.net_amount) filter (where sales.line_type = 'sale') as merchandise_sold,
        sum(sales.net_amount) filter (where sales.line_type in ('sale', 'return')) as merchandise_kept,
        sum(sales.net_amount) filter (
            where sales.line_type in ('sale', 'return', 'postage', 'discount', 'voucher')
        ) as paid_by_customers,
        sum(sales.net_amount) as billed
    from sales
    inner join dates on sales.date_key = dates.date_key
    group by dates.month_start

)

select * from final
order by month_start
