{#- Days, countries, customers and invoices are computed from these sums, which have a twentieth of the lines' rows. -#}
{{ config(
    unique_key=['invoice_number', 'customer_id', 'invoiced_on', 'country_name', 'line_type'],
    touched_by={'int_lines_classified': 'invoice_number'},
    logged_columns=['invoice_number', 'customer_id'],
    indexes=[{'columns': ['customer_id']}, {'columns': ['invoiced_on']}],
    check_column='invoice_number',
) }}

with

lines as (

    select * from {{ ref('int_lines_classified') }}
    {{ pg_wap.only_touched('invoice_number', after='where') }}

),

final as (

    select
        invoice_number,
        customer_id,
        invoiced_on,
        country_name,
        line_type,

        min(invoiced_at) as first_invoiced_at,
        max(invoiced_at) as last_invoiced_at,
        bool_or(is_cancellation) as is_cancellation,

        count(*)::integer as lines,
        sum(quantity) as units,
        sum(net_amount) as net_amount,
        max(abs(net_amount)) as largest_amount,
        count(*) filter (where customer_id is not null and unit_price > 0)::integer as priced_lines,
        -- In thousandths, because a sum of integers does not depend on the order of rows. Only of known customers: no
        -- model reads the others, and a logarithm takes 0.2 microseconds.
        sum((1000 * ln(unit_price::double precision))::integer) filter (
            where customer_id is not null and unit_price > 0
        ) as log_prices
    from lines
    group by invoice_number, customer_id, invoiced_on, country_name, line_type

)

select * from final
