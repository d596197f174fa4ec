select
    line_id,
    amount
from {{ ref('orders') }}
where ordered_on = day
