{{ config(
    unique_key='month',
    touched_by={'order_lines': {'month': "date_trunc('month', ordered_on)::date"}},
) }}

with

lines as (

    select
        date_trunc('month', ordered_on)::date as month,
        amount
    from {{ ref('order_lines') }}

)

select
    month,
    sum(amount) as amount
from lines
where {{ pg_wap.only_touched('month') }}
group by month
