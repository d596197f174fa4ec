{{ config(unique_key='line_id', logged_columns=['line_id', 'customer_id', 'ordered_on']) }}

-- Without touched_by, every row is computed and compared: the source says nowhere what changed.
select
    line_id,
    customer_id,
    country,
    ordered_on,
    amount
from raw.order_lines
