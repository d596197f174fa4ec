{{ config(
    unique_key=['stock_code', 'effective_on'],
    logged_columns=['stock_code'],
    check_column='stock_code',
) }}

with

price_rows as (

    select * from {{ ref('stg_retail__products') }}

),

last_day as (

    select max(invoiced_on) as invoiced_on from {{ ref('int_trading_days') }}

),

entries as (

    -- The file landed last wins. Within a file the content decides, not the order of rows.
    select distinct on (stock_code, effective_on)
        stock_code,
        effective_on,
        category_list,
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
        category_list collate "C" asc,
        file_line asc

),

listed_categories as (

    select
        entries.stock_code,
        entries.effective_on,
        {{ clean_text('parts.part') }} as category,
        min(parts.place) as place
    from entries
    cross join unnest(string_to_array(entries.category_list, ';')) with ordinality as parts (part, place)
    where {{ clean_text('parts.part') }} is not null
    group by entries.stock_code, entries.effective_on, {{ clean_text('parts.part') }}

),

tidied as (

    select
        stock_code,
        effective_on,
        string_agg(category, '; ' order by place) as categories
    from listed_categories
    group by stock_code, effective_on

),

final as (

    select
        entries.stock_code,
        entries.effective_on,

        tidied.categories,
        entries.unit_cost,
        entries.list_price,
        coalesce(entries.effective_on <= last_day.invoiced_on, false) as is_in_effect,

        entries.file_id,
        entries.file_line
    from entries
    cross join last_day
    left join tidied on entries.stock_code = tidied.stock_code and entries.effective_on = tidied.effective_on

)

select * from final
