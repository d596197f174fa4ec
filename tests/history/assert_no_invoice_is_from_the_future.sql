-- A mistyped year closes all months before it, and rates every customer as of that year.
{{ config(group='finance', severity='warn') }}

with

invoices as (

    select * from {{ pg_wap.touched_rows(ref('fct_invoices')) }}

),

last_landing as (

    -- One day more, because the shop's clock may be ahead of the server's clock.
    select max(landed_at)::date + 1 as landed_on
    from {{ source('retail', 'landed_files') }}

),

final as (

    select
        invoices.invoice_number,
        invoices.last_invoiced_at,
        last_landing.landed_on
    from invoices
    inner join last_landing on invoices.last_invoiced_at::date > last_landing.landed_on

)

select * from final
