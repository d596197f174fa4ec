{% macro changed_customer_months(stored) -%}
    changed_lines as (
        select distinct
            customer_id,
            invoice_number,
            {{ month_start("invoiced_on") }} as month_start
        from {{ pg_wap.changes_of("int_lines_classified") }}
    ),
    trading_days as (
        select
            min(invoiced_on) as first_on,
            {{ month_start("max(invoiced_on) + 1") }} as open_month_start
        from {{ ref("int_trading_days") }}
    ),
    last_rated as (
        select max(month_end) as month_end from {{ stored }}
    ),
    spans as (
        select
            coalesce(
                last_rated.month_end + 1, {{ month_start("trading_days.first_on") }}
            ) as next_month_start,
            trading_days.open_month_start,
            greatest(last_rated.month_end, trading_days.open_month_start - 1) as last_month_end
        from trading_days
        cross join last_rated
    ),
    changed_months as (
        -- An order counts in the month in which its invoice began, so a line may change the other months of its invoice.
        select
            changed.customer_id,
            changed.month_start
        from (
            select
                customer_id,
                month_start
            from changed_lines
            union
            select
                customer_id,
                {{ month_start("invoiced_on") }}
            from {{ ref("int_invoices_summed") }}
            where invoice_number = any(array(select distinct invoice_number from changed_lines))
        ) as changed
        inner join spans on changed.month_start <= spans.last_month_end
        where changed.customer_id is not null
    )
{%- endmacro %}
