-- Finance closes the books on these totals: to the fourth decimal, they are the same from silver to every mart.
with

totals as (

    select
        (select coalesce(sum(net_amount), 0) from {{ ref('int_lines_classified') }}) as silver_amount,
        (select coalesce(sum(net_amount), 0) from {{ ref('fct_sales') }}) as fct_sales_amount,
        (select coalesce(sum(net_amount), 0) from {{ ref('fct_invoices') }}) as fct_invoices_amount,
        (select coalesce(sum(net_amount), 0) from {{ ref('daily_sales') }}) as daily_sales_amount

),

final as (

    select *
    from totals
    where
        silver_amount <> fct_sales_amount
        or silver_amount <> fct_invoices_amount
        or silver_amount <> daily_sales_amount

)

select * from final
