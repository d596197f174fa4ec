with

delivered_rows as (

    select * from {{ source('retail', 'products') }}

),

cleaned as (

    select
        _file_id as file_id,
        _line as file_line,
        upper({{ clean_text('stock_code') }}) as stock_code,
        {{ clean_text('category') }} as category_list,
        {{ clean_text('cost') }} as cost_text,
        {{ clean_text('list_price') }} as list_price_text,
        {{ clean_text('effective_date') }} as effective_date_text
    from delivered_rows

),

typed as (

    select
        *,
        {{ safe_decimal('cost_text', 12, 4) }} as unit_cost,
        {{ safe_decimal('list_price_text', 12, 4) }} as list_price,
        {{ safe_date('effective_date_text') }} as effective_on
    from cleaned

),

ruled as (

    select
        *,
        stock_code is null as is_stock_code_missing,
        unit_cost is null as is_cost_untypable,
        list_price is null and list_price_text is not null as is_list_price_untypable,
        effective_on is null as is_effective_date_untypable,
        -- Days before the calendar are in range: such a price is valid from the calendar's first day.
        coalesce(effective_on > '{{ var("calendar_end") }}'::date, false) as is_effective_date_out_of_range
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

        not is_stock_code_missing
        and not is_cost_untypable
        and not is_list_price_untypable
        and not is_effective_date_untypable
        and not is_effective_date_out_of_range as is_usable,
        concat_ws(
            ', ',
            case when is_stock_code_missing then 'stock_code_missing' end,
            case when is_cost_untypable then 'cost_not_a_number' end,
            case when is_list_price_untypable then 'list_price_not_a_number' end,
            case when is_effective_date_untypable then 'effective_date_not_a_date' end,
            case when is_effective_date_out_of_range then 'effective_date_out_of_range' end
        ) as quarantine_reasons
    from ruled

)

select * from final
