with

delivered_rows as (

    select * from {{ source('retail', 'products') }}

),

files as (

    select * from {{ ref('stg_retail__landed_files') }}

),

cleaned as (

    select
        delivered_rows._file_id as file_id,
        delivered_rows._line as file_line,
        files.date_order,
        files.decimal_mark,
        upper({{ clean_text('delivered_rows.stock_code') }}) as stock_code,
        {{ clean_text('delivered_rows.category') }} as category_list,
        {{ clean_text('delivered_rows.cost') }} as cost_text,
        {{ clean_text('delivered_rows.list_price') }} as list_price_text,
        {{ clean_text('delivered_rows.effective_date') }} as effective_date_text,
        {{ is_cell_error('delivered_rows.stock_code') }}
        or {{ is_cell_error('delivered_rows.category') }}
        or {{ is_cell_error('delivered_rows.cost') }}
        or {{ is_cell_error('delivered_rows.list_price') }}
        or {{ is_cell_error('delivered_rows.effective_date') }} as has_cell_error
    from delivered_rows
    left join files on delivered_rows._file_id = files.file_id

),

typed as (

    select
        *,
        {{ safe_decimal('cost_text', 12, 4, 'decimal_mark') }} as unit_cost,
        {{ safe_decimal('list_price_text', 12, 4, 'decimal_mark') }} as list_price,
        {{ safe_date('effective_date_text', date_order='date_order') }} as effective_on
    from cleaned

),

judged as (

    select
        *,
        -- Days before the calendar are in range: such a price is valid from the calendar's first day.
        {{ quarantine_reasons({
            'error_in_cell': 'has_cell_error',
            'stock_code_missing': 'stock_code is null',
            'cost_not_a_number': 'unit_cost is null',
            'list_price_not_a_number': 'list_price is null and list_price_text is not null',
            'effective_date_not_a_date': 'effective_on is null',
            'effective_date_out_of_range': "effective_on > '" ~ var("calendar_end") ~ "'::date",
        }) }} as quarantine_reasons
    from typed

),

final as (

    select
        file_id,
        file_line,

        stock_code,
        effective_on,
        category_list,

        unit_cost,
        list_price,

        quarantine_reasons = '' as is_usable,
        quarantine_reasons
    from judged

)

select * from final
