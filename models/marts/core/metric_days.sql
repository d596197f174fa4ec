{{ config(materialized='published_view') }}

select dates.date_day
from {{ ref('dim_date') }} as dates
where
    dates.date_day between
    (select min(sales.date_day) from {{ ref('daily_sales') }} as sales)
    and (select max(sales.date_day) from {{ ref('daily_sales') }} as sales)
