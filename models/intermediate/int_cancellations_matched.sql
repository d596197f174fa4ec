{{ config(
    unique_key=['invoice_number', 'line_number'],
    touched_by={'int_cancellations_paired': ['customer_id', 'stock_code']},
    logged_columns=['sale_invoice_number'],
    check_column='sale_invoice_number',
    indexes=[{'columns': ['customer_id', 'stock_code']}, {'columns': ['sale_invoice_number']}],
) }}

with

movements as not materialized (

    select * from {{ ref('int_cancellations_paired') }}
    {{ pg_wap.only_touched(['customer_id', 'stock_code'], after='where') }}

),

paired_cancellations as (

    select * from movements
    where is_cancellation and is_paired

),

open_cancellations as (

    select * from movements
    where is_cancellation and not is_paired

),

open_sales as (

    select * from movements
    where not is_cancellation and not is_paired

),

candidates as (

    select
        open_cancellations.*,
        open_sales.invoice_number as claimed_invoice_number,
        open_sales.line_number as claimed_line_number,
        open_sales.invoiced_at as claimed_at,
        open_sales.units as units_sold
    from open_cancellations
    left join open_sales
        on
            open_cancellations.customer_id = open_sales.customer_id
            and open_cancellations.stock_code = open_sales.stock_code
            and open_cancellations.invoiced_at >= open_sales.invoiced_at
            and open_cancellations.units < open_sales.units
            and open_cancellations.units > 0

),

claims as (

    -- Each cancellation claims units of the last earlier sale that is large enough.
    select distinct on (invoice_number, line_number) *
    from candidates
    order by
        invoice_number asc,
        line_number asc,
        claimed_at desc,
        claimed_invoice_number collate "C" desc,
        claimed_line_number desc

),

answered_claims as (

    -- Claims are granted in order of time, because together they must not exceed the units sold.
    select
        *,
        units_sold >= sum(units) over (
            partition by claimed_invoice_number, claimed_line_number
            order by invoiced_at, invoice_number collate "C", line_number
            rows unbounded preceding
        ) as is_granted
    from claims

),

matches as (

    select
        invoice_number,
        line_number,
        invoiced_at as cancelled_at,
        customer_id,
        stock_code,
        units,
        amount,
        'whole' as match_type,
        sale_invoice_number,
        sale_line_number,
        sold_at
    from paired_cancellations

    union all

    select
        invoice_number,
        line_number,
        invoiced_at as cancelled_at,
        customer_id,
        stock_code,
        units,
        amount,
        case when is_granted then 'part' else 'none' end as match_type,
        case when is_granted then claimed_invoice_number end as sale_invoice_number,
        case when is_granted then claimed_line_number end as sale_line_number,
        case when is_granted then claimed_at end as sold_at
    from answered_claims

),

final as (

    select
        invoice_number,
        line_number,

        cancelled_at,
        customer_id,
        stock_code,

        units,
        amount,

        match_type,
        sale_invoice_number,
        sale_line_number,
        sold_at
    from matches

)

select * from final
