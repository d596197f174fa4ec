-- A balance is carried from month to month. If it is not the sum of the months' amounts, one of the two is wrong.
{{ config(group='finance', severity='error') }}

with

months as (

    select
        customer_durable_key,
        date_key,
        net_amount,
        balance_amount,
        sum(net_amount) over (partition by customer_durable_key order by date_key) as net_amount_so_far
    from {{ pg_wap.touched_rows(ref('fct_customer_month')) }}

),

final as (

    select *
    from months
    where balance_amount <> net_amount_so_far

)

select * from final
