{{ config(
    unique_key=['invoice_number', 'delivery_id'],
    touched_by={'stg_retail__transactions': 'invoice_number', 'int_invoices_supplied': 'invoice_number'},
    check_column='invoice_number',
) }}
-- depends_on: {{ ref('int_invoices_supplied') }}

with

landed_files as (

    select * from {{ ref('stg_retail__landed_files') }}

),

{# Lines have a summary index by file and none by invoice. All files that ever carried a touched invoice are in these
    logs, supply it, or are in this table. -#}
{% if pg_wap.is_delta() -%}
read_files as (

    select file_id from {{ pg_wap.changes_of('stg_retail__transactions') }}

    union

    select file_id from {{ pg_wap.changes_of('int_invoices_supplied') }}

    union

    select file_id from {{ ref('int_invoices_supplied') }}
    {{ pg_wap.only_touched('invoice_number', after='where') }}

    union

    select landed_files.file_id
    from {{ this }} as superseded
    inner join landed_files on superseded.delivery_id = landed_files.delivery_id
    {{ pg_wap.only_touched('superseded.invoice_number', after='where') }}

),
{%- endif %}

lines as not materialized (

    -- Read twice: materialized, a full build would copy all lines.
    select * from {{ ref('stg_retail__transactions') }}
    where
        {% if pg_wap.is_delta() -%}
        file_id = any(array(select file_id from read_files))
        {{ pg_wap.only_touched('invoice_number', after='and') }}
        and {% endif -%}
        is_usable

),

supplied as (

    select * from {{ ref('int_invoices_supplied') }}

),

superseded_invoices as (

    select distinct lines.invoice_number
    from lines
    left join supplied on lines.invoice_number = supplied.invoice_number and lines.file_id = supplied.file_id
    where supplied.file_id is null

),

delivered_again as (

    select
        lines.invoice_number,
        landed_files.delivery_id,
        lines.stock_code,
        lines.quantity,
        lines.unit_price,
        -- Deliveries of an invoice follow one another by their last files.
        max(lines.file_id) over (partition by lines.invoice_number, landed_files.delivery_id) as last_file_id,
        -- Two equal lines of a delivery need two in the next.
        row_number() over (
            partition by
                lines.invoice_number, landed_files.delivery_id, lines.stock_code, lines.quantity, lines.unit_price
        ) as copy_number
    from lines
    inner join superseded_invoices on lines.invoice_number = superseded_invoices.invoice_number
    inner join landed_files on lines.file_id = landed_files.file_id

),

in_order as (

    select
        *,
        quantity * unit_price as net_amount,
        dense_rank() over (partition by invoice_number order by last_file_id) as place
    from delivered_again

),

compared as (

    select
        *,
        coalesce(
            lead(place) over (
                partition by invoice_number, stock_code, quantity, unit_price, copy_number
                order by place
            ) > place + 1,
            true
        ) as is_taken_away
    from in_order

),

deliveries as (

    select
        invoice_number,
        delivery_id,

        lead(delivery_id) over (partition by invoice_number order by place) as superseded_by,

        count(*) as lines,
        sum(net_amount) as net_amount,
        count(*) filter (where is_taken_away) as lines_taken_away,
        coalesce(sum(net_amount) filter (where is_taken_away), 0) as net_amount_taken_away
    from compared
    group by invoice_number, delivery_id, place

),

final as (

    select * from deliveries
    where superseded_by is not null

)

select * from final
