{{ config(
    unique_key=['date_key', 'country_key'],
    touched_by={
        'int_lines_classified': {'date_key': "to_char(invoiced_on, 'YYYYMMDD')::integer", 'invoiced_on': 'invoiced_on'},
    },
    logged_columns=['date_key'],
    indexes=[{'columns': ['date_day']}],
    check_column='date_key',
) }}

with

-- Sums of the lines of fct_sales, as a check proves; from the fact, the query takes four times as long.
invoices as (

    select * from {{ ref('int_invoices_summed') }}
    {{ pg_wap.only_touched('invoiced_on', by='lookup', after='where') }}

),

countries as (

    select * from {{ ref('dim_country') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

days as (

    select
        invoiced_on,
        country_name,
        count(distinct invoice_number) filter (where line_type = 'sale')::integer as orders,
        count(distinct customer_id) filter (where line_type = 'sale')::integer as customers,
        coalesce(sum(units) filter (where line_type = 'sale'), 0)::bigint as units_sold,
        coalesce(sum(net_amount) filter (where line_type = 'sale'), 0) as sale_amount,
        coalesce(sum(net_amount) filter (where line_type = 'return'), 0) as return_amount,
        coalesce(sum(net_amount) filter (where line_type not in ('sale', 'return')), 0) as other_amount,
        sum(net_amount) as net_amount
    from invoices
    group by invoiced_on, country_name

),

final as (

    select
        dates.date_key,
        countries.country_key,
        dates.date_day,
        countries.country_name,

        days.orders,
        days.customers,
        days.units_sold,
        days.sale_amount,
        days.return_amount,
        days.other_amount,
        days.net_amount,

        -- Old names, removed in the next version.
        days.units_sold as units,
        days.sale_amount as gross_amount,
        days.return_amount as returns_amount
    from days
    inner join dates on days.invoiced_on = dates.date_day
    inner join countries on days.country_name = countries.delivered_country_name

)

select * from final
