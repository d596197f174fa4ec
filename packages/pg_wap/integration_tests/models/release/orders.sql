{{ config(
    materialized='incremental_by_partition',
    partition_by={
        'field': 'ordered_on',
        'granularity': 'month',
        'starts': "select distinct ordered_on from {{ ref('order_lines') }}",
    },
    touched_by={'order_lines': 'ordered_on'},
    check_column='ordered_on',
    indexes=[{'columns': ['customer_id']}],
) }}

select
    line_id,
    customer_id,
    ordered_on,
    amount
from {{ ref('order_lines') }}
where {{ pg_wap.in_partition('ordered_on') }}
