{{ config(materialized='published_view') }}

-- Without CTEs, as PostgreSQL merges no view that has any with the query that reads it: joined to one product of
-- dim_product, this takes 3 ms, and 1.1 s with them. The aliases, which sqlfluff forbids (AL07), are needed, as
-- unit tests put tables of other names in the place of these.
select
    products.product_key,
    products.product_durable_key,
    trading_days.date_key,

    trading_days.day_number = last_sale_days.day_number as is_sold,

    trading_days.day_number - last_sale_days.day_number as days_since_sold
from {{ ref('fct_product_sold_days') }} as spans -- noqa: AL07
left join
    lateral (
        -- from the first sale in a later span on, that span tells
        select
            later_spans.span_start
            + bit_count(((later_spans.sold_days & -later_spans.sold_days) - 1)::bit(56))::integer as first_sold_on
        from {{ ref('fct_product_sold_days') }} as later_spans -- noqa: AL07
        where
            spans.product_durable_key = later_spans.product_durable_key
            and spans.span_start < later_spans.span_start
        order by later_spans.span_start
        limit 1
    ) as next_sales
    on true
inner join {{ ref('dim_trading_day') }} as trading_days
    on
        spans.span_start <= trading_days.date_day
        -- for the index: no sale of an earlier span counts any more
        and spans.span_start > trading_days.on_offer_since - 56
        and (next_sales.first_sold_on is null or next_sales.first_sold_on > trading_days.date_day)
inner join {{ ref('dim_trading_day') }} as last_sale_days
    on
        -- the last sale until the day is the highest bit of those until then; sqlfluff cannot read `::` in here
        spans.span_start + 56 - position(
            B'1' in cast( -- noqa: CV11
                spans.sold_days
                & ((2::bigint << least(trading_days.date_day - spans.span_start, 55)) - 1) as bit(56)
            )
        ) = last_sale_days.date_day
        and trading_days.on_offer_since <= last_sale_days.date_day
        and trading_days.date_day >= last_sale_days.date_day
inner join {{ ref('dim_product') }} as products -- noqa: AL07
    on
        spans.product_durable_key = products.product_durable_key
        and trading_days.date_day >= products.valid_from
        and trading_days.date_day < products.valid_to
