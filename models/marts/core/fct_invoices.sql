{{ config(
    unique_key='invoice_key',
    touched_by="
        select invoice_number from {{ pg_wap.changes_of('int_lines_classified') }}
        union all
        select invoices.invoice_number
        from {{ pg_wap.changes_of('int_customer_versions') }} as versions
        inner join {{ ref('int_invoices_summed') }} as invoices
            on versions.customer_id = invoices.customer_id and invoices.invoiced_on >= versions.valid_from
    ",
    logged_columns=['invoice_number'],
    check_column='invoice_number',
    indexes=[{'columns': ['date_key']}, {'columns': ['date_day']}, {'columns': ['customer_durable_key']}],
) }}

with

summed as (

    select * from {{ ref('int_invoices_summed') }}
    {{ pg_wap.only_touched('invoice_number', after='where') }}

),

lines as (

    select * from {{ ref('int_lines_classified') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

countries as (

    select * from {{ ref('dim_country') }}

),

invoices as (

    select
        invoice_number,
        min(first_invoiced_at) as first_invoiced_at,
        max(last_invoiced_at) as last_invoiced_at,
        bool_or(is_cancellation) as is_cancellation,
        sum(lines)::integer as lines,
        coalesce(sum(lines) filter (where line_type = 'sale'), 0)::integer as lines_sold,
        coalesce(sum(units) filter (where line_type = 'sale'), 0)::bigint as units_sold,
        coalesce(-sum(units) filter (where line_type = 'return'), 0)::bigint as units_returned,
        coalesce(sum(net_amount) filter (where line_type = 'sale'), 0) as sale_amount,
        coalesce(sum(net_amount) filter (where line_type = 'return'), 0) as return_amount,
        coalesce(sum(net_amount) filter (where line_type = 'postage'), 0) as postage_amount,
        coalesce(sum(net_amount) filter (where line_type = 'discount'), 0) as discount_amount,
        coalesce(sum(net_amount) filter (where line_type = 'fee'), 0) as fee_amount,
        coalesce(sum(net_amount) filter (where line_type = 'voucher'), 0) as voucher_amount,
        coalesce(sum(net_amount) filter (where line_type = 'sample'), 0) as sample_amount,
        coalesce(sum(net_amount) filter (where line_type = 'manual'), 0) as manual_amount,
        coalesce(sum(net_amount) filter (where line_type = 'bad_debt'), 0) as bad_debt_amount,
        coalesce(sum(net_amount) filter (where line_type = 'stock_adjustment'), 0) as stock_adjustment_amount,
        coalesce(sum(net_amount) filter (where line_type = 'test'), 0) as test_amount,
        sum(net_amount) as net_amount,
        min(customer_id) as customer_id,
        min(country_name) as country_name,
        min(customer_id) <> max(customer_id)
        or count(customer_id) not in (0, count(*))
        or min(country_name) <> max(country_name) as is_mixed
    from summed
    group by invoice_number

),

mixed_invoices as (

    select invoice_number from invoices
    where is_mixed

),

last_lines as (

    -- An invoice whose lines differ belongs to the customer and the country of the last line of its first day that
    -- names a customer.
    select distinct on (invoice_number)
        invoice_number,
        customer_id,
        country_name
    from lines
    where invoice_number = any(array(select mixed_invoices.invoice_number from mixed_invoices))
    order by
        invoice_number asc,
        invoiced_on asc,
        customer_id is null asc,
        invoiced_at desc,
        line_number desc

),

parties as (

    select
        invoices.*,
        case when invoices.is_mixed then last_lines.customer_id else invoices.customer_id end as party_id,
        case when invoices.is_mixed then last_lines.country_name else invoices.country_name end as party_country_name
    from invoices
    left join last_lines on invoices.invoice_number = last_lines.invoice_number

),

final as (

    select
        {{ surrogate_key(['parties.invoice_number']) }} as invoice_key,
        parties.invoice_number,
        to_char(parties.first_invoiced_at, 'YYYYMMDD')::integer as date_key,
        coalesce(customers.customer_key, -1) as customer_key,
        coalesce(customers.customer_durable_key, -1) as customer_durable_key,
        coalesce(countries.country_key, -1) as country_key,

        parties.first_invoiced_at::date as date_day,
        parties.first_invoiced_at,
        parties.last_invoiced_at,
        parties.is_cancellation,

        parties.lines,
        parties.lines_sold,
        parties.units_sold,
        parties.units_returned,
        parties.sale_amount,
        parties.return_amount,
        parties.postage_amount,
        parties.discount_amount,
        parties.fee_amount,
        parties.voucher_amount,
        parties.sample_amount,
        parties.manual_amount,
        parties.bad_debt_amount,
        parties.stock_adjustment_amount,
        parties.test_amount,
        parties.net_amount
    from parties
    left join customers
        on
            parties.party_id = customers.customer_id
            and parties.first_invoiced_at >= customers.valid_from
            and parties.first_invoiced_at < customers.valid_to
    left join countries on parties.party_country_name = countries.delivered_country_name

)

select * from final
