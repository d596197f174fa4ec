{{ config(unique_key='customer_id', touched_by={'order_lines': 'customer_id'}, check_column='customer_id') }}

select
    customer_id,
    count(*)::integer as orders,
    sum(amount) as amount
from {{ ref('order_lines') }}
where customer_id is not null and {{ pg_wap.only_touched('customer_id') }}
group by customer_id
