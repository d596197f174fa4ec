{{ config(materialized='stable_view') }}

select
    order_lines.line_id,
    countries.name as country_name
from {{ ref('order_lines') }} as order_lines
inner join {{ ref('countries') }} as countries on order_lines.country = countries.code
