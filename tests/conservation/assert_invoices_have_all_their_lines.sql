-- Basket size and lines picked are read from fct_invoices; money alone does not show a wrong count.
with

totals as (

    select
        (select count(*) from {{ ref('fct_sales') }}) as fact_lines,
        (select coalesce(sum(lines), 0) from {{ ref('fct_invoices') }}) as invoice_lines

),

final as (

    select *
    from totals
    where fact_lines <> invoice_lines

)

select * from final
