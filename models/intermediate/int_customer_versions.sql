{{ config(
    unique_key=['customer_id', 'valid_from'],
    touched_by={'int_invoices_summed': 'customer_id', 'int_customer_months': 'customer_id'},
    check_column='customer_id',
) }}

{#- This model begins the history, so it waits for the checks on the delivery. -#}
-- {{ wait_for_checks_on(ref('int_lines_quarantined')) }}
with

customer_invoices as (

    select * from {{ ref('int_invoices_summed') }}
    where customer_id is not null {{ pg_wap.only_touched('customer_id', after='and') }}

),

customer_months as (

    select * from {{ ref('int_customer_months') }}
    {{ pg_wap.only_touched('customer_id', by='lookup', after='where') }}

),

first_days as (

    select
        customer_id,
        min(invoiced_on) as valid_from
    from customer_invoices
    group by customer_id

),

days as (

    -- The country of a day is the country of the day's last invoice that names one.
    select distinct on (customer_id, invoiced_on)
        customer_id,
        invoiced_on,
        country_name
    from customer_invoices
    where country_name <> 'Unknown'
    order by
        customer_id asc,
        invoiced_on asc,
        last_invoiced_at desc,
        invoice_number collate "C" desc,
        country_name collate "C" asc

),

country_states as (

    select
        customer_id,
        invoiced_on as valid_from,
        country_name,
        lag(country_name) over (partition by customer_id order by invoiced_on) as country_name_before
    from days

),

segment_states as (

    -- A segment known at a month end is valid from the next day.
    select
        customer_id,
        month_end + 1 as valid_from,
        segment,
        lag(segment, 1, {{ not_rated() }}) over (partition by customer_id order by month_end) as segment_before
    from customer_months

),

events as (

    -- Customers begin without a rating, and the first country that an invoice names is valid from the first day.
    select
        first_days.customer_id,
        first_days.valid_from,
        coalesce(country_states.country_name, 'Unknown') as country_name,
        {{ not_rated() }} as segment
    from first_days
    left join country_states
        on first_days.customer_id = country_states.customer_id and country_states.country_name_before is null

    union all

    select
        customer_id,
        valid_from,
        country_name,
        null as segment
    from country_states
    where country_name <> country_name_before

    union all

    select
        customer_id,
        valid_from,
        null as country_name,
        segment
    from segment_states
    where segment <> segment_before

),

changes as (

    select
        customer_id,
        valid_from,
        max(country_name) as country_name,
        max(segment) as segment
    from events
    group by customer_id, valid_from

),

runs as (

    -- A change of one attribute keeps the last value of the other attribute.
    select
        *,
        count(country_name) over so_far as country_run,
        count(segment) over so_far as segment_run
    from changes
    window so_far as (partition by customer_id order by valid_from)

),

final as (

    select
        customer_id,
        valid_from,

        max(country_name) over (partition by customer_id, country_run) as country_name,
        max(segment) over (partition by customer_id, segment_run) as segment
    from runs

)

select * from final
