{{ config(
    unique_key=['invoice_number', 'file_id'],
    touched_by="
        select invoice_number from {{ pg_wap.changes_of('stg_retail__transactions') }}
        union all
        {# A part that is delivered again replaces the earlier one, also in invoices that it lacks. #}
        select supplied.invoice_number
        from {{ this }} as supplied
        inner join {{ pg_wap.changes_of('stg_retail__landed_files') }} as files on supplied.file_id = files.file_id
    ",
) }}
{%- set takes_parts = landing_rule('transactions', 'deliveries', 'whole') == 'parts' %}
-- depends_on: {{ ref('stg_retail__landed_files') }}

with

-- Read by file and by invoice: materialized, each of the two would read all lines.
lines as not materialized (

    select * from {{ ref('stg_retail__transactions') }}
    where invoice_number is not null

),

{% if takes_parts -%}
deliveries as (

    select distinct
        lines.invoice_number,
        lines.file_id,
        landed_files.delivery_id
    from lines
    inner join {{ ref('stg_retail__landed_files') }} as landed_files on lines.file_id = landed_files.file_id
    {{ pg_wap.only_touched('lines.invoice_number', after='where') }}

),

in_order as (

    select
        *,
        first_value(delivery_id) over (partition by invoice_number order by file_id desc) as last_delivery_id
    from deliveries

),

final as (

    -- All parts of the export that came last; those that do not carry the invoice are not here.
    select
        invoice_number,

        file_id
    from in_order
    where delivery_id = last_delivery_id

)
{%- else -%}
{# Lines have a summary index by file and none by invoice. An incremental build reads the touched files, 5,000 of a
    million lines in 1 ms, and knows other suppliers from its own rows. -#}
{%- if pg_wap.is_delta() %}
touched_files as (

    select distinct file_id from {{ pg_wap.changes_of('stg_retail__landed_files') }}

),

suppliers_before as (

    select
        supplied.invoice_number,
        supplied.file_id,
        touched_files.file_id is not null as is_touched
    from {{ this }} as supplied
    inner join {{ pg_wap.touched_keys() }} as touched_invoices
        on supplied.invoice_number = touched_invoices.invoice_number
    left join touched_files on supplied.file_id = touched_files.file_id

),

deliveries as (

    select
        invoice_number,
        file_id
    from lines
    where
        file_id = any(array(select file_id from touched_files))
        -- Most lines of a replayed file are unchanged.
        {{ pg_wap.only_touched('invoice_number', after='and') }}

    union all

    select
        invoice_number,
        file_id
    from suppliers_before
    where not is_touched

    union all

    -- If the supplying file was taken back or replayed, any other file with the invoice may supply it now.
    select
        lines.invoice_number,
        lines.file_id
    from lines
    inner join suppliers_before on lines.invoice_number = suppliers_before.invoice_number
    where suppliers_before.is_touched

),
{%- else -%}
deliveries as (

    select
        invoice_number,
        file_id
    from lines

),
{%- endif %}

final as (

    select
        invoice_number,

        -- File ids follow the order of landing, so the highest file id is the latest delivery.
        max(file_id) as file_id
    from deliveries
    group by invoice_number

)
{%- endif %}

select * from final
