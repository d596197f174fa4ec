{% macro customer_months_to_rank(stored) -%}
    {%- if pg_wap.is_delta() -%}
    inner join {{ pg_wap.touched_keys() }} as keys
        on measured.customer_id = keys.customer_id and measured.month_end = keys.month_end
    where keys.is_measured and keys.is_rated

    union all

    -- The other customers of these months. Measuring them as well takes five times as long for a late day.
    select
        months.customer_id,
        months.month_end,
        months.net_amount,
        months.orders,
        months.balance_amount,
        months.last_purchased_on,
        months.frequency,
        months.monetary_amount
    from {{ stored }} as months
    inner join {{ pg_wap.touched_keys() }} as keys
        on months.customer_id = keys.customer_id and months.month_end = keys.month_end
    cross join last_day
    where
        not keys.is_measured
        -- With an array, the planner uses the index on months.
        and months.month_end = any(
            array(select distinct month_end from {{ pg_wap.touched_keys() }} where not is_measured)
        )
        and months.month_end < {{ month_start('last_day.invoiced_on + 1') }}

    union all

    -- In a month that closes, a customer without a line in the window keeps the balance of the month before.
    select
        last_months.customer_id,
        keys.month_end,
        0 as net_amount,
        0 as orders,
        last_months.balance_amount,
        last_months.last_purchased_on,
        0 as frequency,
        0 as monetary_amount
    from {{ stored }} as last_months
    inner join {{ pg_wap.touched_keys() }} as keys
        on last_months.customer_id = keys.customer_id and last_months.month_end < keys.month_end
    where not keys.is_measured and last_months.month_end = (select max(month_end) from {{ stored }})
    {%- endif -%}
{%- endmacro %}
