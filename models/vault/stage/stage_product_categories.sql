with

price_rows as (

    select * from {{ ref('stg_retail__products') }}
    where is_usable and category_list is not null

),

final as (

    select
        price_rows.file_id,
        price_rows.file_line,

        price_rows.stock_code,
        price_rows.effective_on,
        {{ clean_text('parts.part') }} as category,

        min(parts.place)::integer as place
    from price_rows
    cross join unnest(string_to_array(price_rows.category_list, ';')) with ordinality as parts (part, place)
    where {{ clean_text('parts.part') }} is not null
    group by
        price_rows.file_id,
        price_rows.file_line,
        price_rows.stock_code,
        price_rows.effective_on,
        {{ clean_text('parts.part') }}

)

select * from final
