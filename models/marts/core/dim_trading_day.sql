{{ config(
    unique_key='date_key',
    touched_by="
        select to_char(days.invoiced_on, 'YYYYMMDD')::integer as date_key
        from (
            select invoiced_on from {{ ref('int_trading_days') }}
            union
            select invoiced_on from {{ pg_wap.changes_of('int_trading_days') }}
        ) as days
        where days.invoiced_on >= (select min(invoiced_on) from {{ pg_wap.changes_of('int_trading_days') }})
    ",
) }}

with

sale_days as (

    select
        to_char(invoiced_on, 'YYYYMMDD')::integer as date_key,
        invoiced_on,
        (row_number() over (order by invoiced_on))::integer as day_number,
        lag(invoiced_on, {{ var("offer_window_days") }} - 1) over (order by invoiced_on) as window_start,
        min(invoiced_on) over () as first_day
    from {{ ref('int_trading_days') }}
    where is_sale_day

),

final as (

    select
        date_key,
        invoiced_on as date_day,

        day_number,
        coalesce(window_start, first_day) as on_offer_start,

        -- Old names, removed in the next version.
        coalesce(window_start, first_day) as on_offer_since
    from sale_days
    {{ pg_wap.only_touched('date_key', after='where') }}

)

select * from final
