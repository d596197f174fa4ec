with

price_rows as (

    select * from {{ ref('stg_retail__products') }}

),

final as (

    -- the file landed last has the say; within one file, a rule on the data, not on the order of rows
    select distinct on (stock_code, effective_on)
        stock_code,
        effective_on,

        category,
        unit_cost,
        list_price,

        file_id,
        file_line
    from price_rows
    where is_usable
    order by
        stock_code asc,
        effective_on asc,
        file_id desc,
        unit_cost desc,
        list_price desc nulls last,
        category collate "C" asc,
        file_line asc

)

select * from final
