{% macro months_by_rank() -%}
    -- Materialized, because it is read for each month.
    rated_spans as materialized (
        select
            changed_months.month_start as first_month_start,
            greatest(
                changed_months.month_start + interval '{{ var("rfm_window_months") }} months',
                coalesce(min(purchases.invoiced_on), {{ end_of_time() }})
            ) as end_on
        from changed_months
        left join {{ ref("int_invoices_summed") }} as purchases
            on
                changed_months.customer_id = purchases.customer_id
                and purchases.invoiced_on >= changed_months.month_start + interval '1 month'
                and purchases.line_type = 'sale'
        group by changed_months.customer_id, changed_months.month_start
        union all
        select
            least(next_month_start, open_month_start) as first_month_start,
            {{ end_of_time() }} as end_on
        from spans
    ),
    months as (
        select
            months.month_start::date as month_start,
            (months.month_start + interval '1 month - 1 day')::date as month_end,
            exists (
                select
                from rated_spans
                where
                    months.month_start >= rated_spans.first_month_start
                    and months.month_start < date_trunc('month', rated_spans.end_on)
            ) as is_rated
        from spans
        cross join
            generate_series(
                least(
                    (select min(month_start) from changed_months), spans.next_month_start, spans.open_month_start
                )::timestamp,
                spans.last_month_end::timestamp,
                interval '1 month'
            ) as months (month_start)
    )
{%- endmacro %}
