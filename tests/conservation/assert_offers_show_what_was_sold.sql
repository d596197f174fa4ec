-- Reports on unsold products trust the days of sale: each product must show exactly the days of its lines. The same
-- lines define the trading days and their numbers.
{{ config(group='merchandising', severity='error', meta={'threshold': ['offer_window_days']}) }}

{%- set everything = not pg_wap.looks_at_changes_of('fct_product_sold_days') %}

with

{% if not everything -%}
touched_days as (

    select
        {{ span_start('invoiced_on') }} as span_start,
        bit_or({{ day_bit('invoiced_on') }}) as day_bits
    from {{ pg_wap.changes_of('int_lines_classified') }}
    group by {{ span_start('invoiced_on') }}

),

{% endif -%}
sales as (

    select
        product_durable_key,
        {{ span_start('date_day') }} as span_start,
        bit_or({{ day_bit('date_day') }}) as day_bits
    from {{ ref('fct_sales') }}
    where
        line_type = 'sale'
        and {{
            "true" if everything
            else pg_wap.is_touched('int_lines_classified', 'date_day', column='invoiced_on')
        }}
        -- Limits the partitions that are read.
        and {{ "true" if everything else pg_wap.is_touched('fct_sales', 'date_day') }}
    group by product_durable_key, {{ span_start('date_day') }}

),

spans as (

    select * from {{ ref('fct_product_sold_days') }}

),

shown as (

    select
        spans.product_durable_key,
        spans.span_start,
        {{ "spans.sold_days" if everything else "spans.sold_days & touched_days.day_bits" }} as day_bits
    from spans
    {% if not everything -%}
    inner join touched_days on spans.span_start = touched_days.span_start
    where spans.sold_days & touched_days.day_bits <> 0
    {%- endif %}

),

trading_days as (

    select
        date_day,
        day_number,
        on_offer_start,
        {{ span_start('date_day') }} as span_start,
        {{ day_bit('date_day') }} as day_bit,
        row_number() over (order by date_day) as rightful_number,
        coalesce(
            lag(date_day, {{ var("offer_window_days") }} - 1) over (order by date_day),
            min(date_day) over ()
        ) as rightful_start
    from {{ ref('dim_trading_day') }}

),

trading_spans as (

    select
        trading_days.span_start,
        bit_or(trading_days.day_bit) as day_bits
    from trading_days
    {%- if not everything %}
    inner join touched_days
        on trading_days.span_start = touched_days.span_start and touched_days.day_bits & trading_days.day_bit <> 0
    {%- endif %}
    group by trading_days.span_start

),

sale_spans as (

    select
        span_start,
        bit_or(day_bits) as day_bits
    from sales
    group by span_start

),

final as (

    select
        'product' as what,
        coalesce(sales.product_durable_key, shown.product_durable_key) as product_durable_key,
        coalesce(sales.span_start, shown.span_start) as span_start,
        sales.day_bits as days_sold,
        shown.day_bits as days_shown
    from sales
    full outer join shown
        on sales.product_durable_key = shown.product_durable_key and sales.span_start = shown.span_start
    where sales.day_bits is distinct from shown.day_bits

    union all

    select
        'trading days' as what,
        null as product_durable_key,
        coalesce(sale_spans.span_start, trading_spans.span_start) as span_start,
        sale_spans.day_bits as days_sold,
        trading_spans.day_bits as days_shown
    from sale_spans
    full outer join trading_spans on sale_spans.span_start = trading_spans.span_start
    where sale_spans.day_bits is distinct from trading_spans.day_bits

    union all

    select
        'number' as what,
        null as product_durable_key,
        span_start,
        null as days_sold,
        day_bit as days_shown
    from trading_days
    where day_number <> rightful_number or on_offer_start <> rightful_start

)

select * from final
