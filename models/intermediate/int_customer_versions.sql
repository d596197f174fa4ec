{#- The gates on what was delivered (ledger, quarantine, conservation) look at the quarantine too, and dbt lets a model
    wait for a gate only if it comes after all that the gate looks at. History is written from here on, so it waits. -#}
-- depends_on: {{ ref('int_lines_quarantined') }}
with

customer_invoices as (

    select * from {{ ref('int_customer_invoices') }}

),

days as (

    -- the country of a day is the one on that day's last invoice
    select distinct on (customer_id, invoiced_on)
        customer_id,
        invoiced_on,
        country_name
    from customer_invoices
    order by customer_id asc, invoiced_on asc, last_invoiced_at desc, invoice_number desc, country_name asc

),

changes as (

    select
        *,
        lag(country_name) over (partition by customer_id order by invoiced_on) as previous_country_name
    from days

),

final as (

    select
        customer_id,
        invoiced_on as valid_from,

        country_name
    from changes
    where country_name is distinct from previous_country_name

)

select * from final
