{{ config(
    unique_key='invoiced_on',
    touched_by={'int_lines_classified': 'invoiced_on'},
    check_column='invoiced_on',
) }}

with

invoices as (

    select * from {{ ref('int_invoices_summed') }}
    {{ pg_wap.only_touched('invoiced_on', by='lookup', after='where') }}

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
