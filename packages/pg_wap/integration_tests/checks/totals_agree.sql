-- Two ways to add up the same lines must give one result.
select
    months.amount as of_months,
    orders.amount as of_orders
from (select sum(amount) as amount from {{ ref('month_totals') }}) as months
cross join (select sum(amount) as amount from {{ ref('orders') }}) as orders
where months.amount <> orders.amount
