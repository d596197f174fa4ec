-- A join that drops or doubles lines can leave the money right by chance, but not the number of lines.
with

counted as (

    select
        (select count(*) from {{ ref('int_lines_classified') }}) as silver_lines,
        (select count(*) from {{ ref('fct_sales') }}) as fact_lines,
        (select coalesce(sum(lines), 0) from {{ ref('fct_invoices') }}) as invoice_lines

),

final as (

    select *
    from counted
    where silver_lines <> fact_lines or silver_lines <> invoice_lines

)

select * from final
