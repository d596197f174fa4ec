{{ config(
    materialized='incremental',
    incremental_strategy='keyed',
    unique_key='invoiced_on',
    touched="select invoiced_on from {{ changes_of('int_lines_classified') }}",
    changes=['invoiced_on'],
) }}

with

invoices as (

    select * from {{ ref('int_invoices_summed') }}
    {% if is_delta() -%}
    where invoiced_on = any(array(select invoiced_on from {{ touched_keys() }}))
    {%- endif %}

),

final as (

    select
        invoiced_on,

        bool_or(line_type = 'sale') as is_sale_day,

        sum(lines) as lines
    from invoices
    group by invoiced_on

)

select * from final
