{{ config(
    materialized='incremental',
    incremental_strategy='keyed',
    unique_key=['customer_id', 'invoice_number', 'invoiced_on', 'country_name'],
    touched_key='invoice_number',
    touched="select invoice_number from {{ changes_of('int_lines_classified') }}",
    changes=['customer_id'],
    indexes=[{'columns': ['customer_id']}, {'columns': ['invoice_number']}],
) }}

with

lines as (

    select * from {{ ref('int_lines_classified') }}

),

final as (

    select
        customer_id,
        invoice_number,
        invoiced_on,
        country_name,

        max(invoiced_at) as last_invoiced_at,
        count(*)::integer as lines,
        bool_or(line_type = 'sale') as is_purchase,
        coalesce(sum(net_amount) filter (where line_type in ('sale', 'return')), 0) as merchandise_amount,
        sum(net_amount) as net_amount
    from lines
    where
        customer_id is not null
        and {{ among_touched_keys('invoice_number') }}
    group by customer_id, invoice_number, invoiced_on, country_name

)

select * from final
