{% macro month_to_test() -%}
{%- set month = var("network_test_month", none) -%}
test_month as (

    {% if month is not none -%}
    select '{{ month }}'::date as month_start
    {%- else -%}
    -- The last month is closed if a later one has begun.
    select ({{ month_start('max(invoiced_on)') }} - interval '1 month')::date as month_start
    from {{ ref('int_trading_days') }}
    {%- endif %}

),
{%- endmacro %}
