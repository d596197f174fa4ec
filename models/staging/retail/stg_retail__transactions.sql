{{ config(
    materialized='incremental_by_key',
    unique_key=['file_id', 'file_line'],
    touched_by="
        select file_id from {{ pg_wap.changes_of('stg_retail__landed_files') }}
        {{ files_of_touched_numbers() }}
    ",
    logged_columns=['file_id', 'invoice_number'],
    indexes=[
        {'columns': ['file_id'], 'type': 'brin', 'with': 'autosummarize = on'},
        {'columns': ['file_id', 'file_line'], 'where': 'not is_usable'},
    ],
    check_column='file_id',
    event_time='invoiced_at',
    pre_hook='{{ empty_erased_lines() }}',
) }}

with

delivered_lines as (

    select * from {{ source('retail', 'transactions') }}
    {{ pg_wap.only_touched('_file_id', keys='file_id', by='lookup', after='where') }}

),

-- Most files are plain: years first, points before decimals.
unusual_files as materialized (

    select
        file_id,
        date_order,
        decimal_mark
    from {{ ref('stg_retail__landed_files') }}
    where num_nonnulls(date_order, decimal_mark) > 0

),

typed as (

    -- Lines of an invoice share their header, and products, quantities and prices recur: a million lines have 54,000
    -- headers. PostgreSQL keeps the result of a lateral subquery for values that it has seen (Memoize): 4.0 s of CPU
    -- instead of 8.0 s. The file is one of these values and not its marks, because the planner expects too many
    -- combinations of columns of two tables.
    select
        delivered_lines._file_id as file_id,
        delivered_lines._line as file_line,
        headers.invoice_number,
        products.stock_code,
        products.description,
        amounts.quantity,
        headers.invoiced_at,
        amounts.unit_price,
        delivered_lines.customer_id as customer_id_text,
        headers.customer_id,
        headers.country_text,
        headers.has_cell_error or products.has_cell_error or amounts.has_cell_error as has_cell_error
    from delivered_lines
    cross join
        lateral (
            select
                upper({{ clean_text('delivered_lines.invoice') }}) as invoice_number,
                {{ safe_timestamp('delivered_lines.invoice_date', 'unusual_files.date_order', 'Europe/London') }}
                    as invoiced_at,
                {{ safe_integer('delivered_lines.customer_id', 'unusual_files.decimal_mark') }} as customer_id,
                {{ clean_text('delivered_lines.country') }} as country_text,
                {{ is_cell_error('delivered_lines.invoice') }}
                or {{ is_cell_error('delivered_lines.invoice_date') }}
                or {{ is_cell_error('delivered_lines.customer_id') }}
                or {{ is_cell_error('delivered_lines.country') }} as has_cell_error
            from (values (delivered_lines._file_id)) as suppliers (file_id)
            left join unusual_files on suppliers.file_id = unusual_files.file_id
            {{ pg_wap.optimization_fence() }}
        ) as headers
    cross join
        lateral (
            select
                upper({{ clean_text('texts.stock_code') }}) as stock_code,
                {{ clean_text('texts.description') }} as description,
                {{ is_cell_error('texts.stock_code') }}
                or {{ is_cell_error('texts.description') }} as has_cell_error
            from (values (delivered_lines.stock_code, delivered_lines.description)) as texts (stock_code, description)
            {{ pg_wap.optimization_fence() }}
        ) as products
    cross join
        lateral (
            select
                {{ safe_integer('delivered_lines.quantity', 'unusual_files.decimal_mark') }} as quantity,
                {{ safe_decimal('delivered_lines.unit_price', 12, 4, 'unusual_files.decimal_mark') }} as unit_price,
                {{ is_cell_error('delivered_lines.quantity') }}
                or {{ is_cell_error('delivered_lines.unit_price') }} as has_cell_error
            from (values (delivered_lines._file_id)) as suppliers (file_id)
            left join unusual_files on suppliers.file_id = unusual_files.file_id
            {{ pg_wap.optimization_fence() }}
        ) as amounts

),

numbered as (

    {{ with_numbers_told_apart('typed') }}

),

ruled as (

    select
        *,
        invoice_number is null as is_invoice_number_missing,
        stock_code is null as is_stock_code_missing,
        quantity is null as is_quantity_untypable,
        invoiced_at is null as is_invoice_date_untypable,
        coalesce(
            invoiced_at < '{{ var("calendar_start") }}'::date or invoiced_at >= '{{ var("calendar_end") }}'::date + 1,
            false
        ) as is_invoice_date_out_of_range,
        unit_price is null as is_unit_price_untypable,
        customer_id is null and {{ clean_text('customer_id_text') }} is not null as is_customer_id_untypable
    from numbered

),

judged as (

    select
        *,
        not has_cell_error
        and not is_invoice_number_missing
        and not is_stock_code_missing
        and not is_quantity_untypable
        and not is_invoice_date_untypable
        and not is_invoice_date_out_of_range
        and not is_unit_price_untypable
        and not is_customer_id_untypable as is_usable
    from ruled

),

final as (

    select
        file_id,
        file_line,

        told_apart_number as invoice_number,
        stock_code,
        description,
        invoiced_at,
        customer_id,
        country_text,

        quantity,
        unit_price,

        is_usable,
        case
            when is_usable then ''
            else
                {{ quarantine_reasons({
                    'error_in_cell': 'has_cell_error',
                    'invoice_number_missing': 'is_invoice_number_missing',
                    'stock_code_missing': 'is_stock_code_missing',
                    'quantity_not_an_integer': 'is_quantity_untypable',
                    'invoice_date_not_a_timestamp': 'is_invoice_date_untypable',
                    'invoice_date_out_of_range': 'is_invoice_date_out_of_range',
                    'unit_price_not_a_number': 'is_unit_price_untypable',
                    'customer_id_not_an_integer': 'is_customer_id_untypable',
                }) }}
        end as quarantine_reasons
    from judged

)

select * from final
