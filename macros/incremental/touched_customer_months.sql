{#- A changed line changes the months of its customer from its own month on. It changes the scores of all customers as
    well where it changes a value that is ranked: while its month is in the window, and as long as no later purchase
    follows. Months close in turn, the first of all with the first trading day. Until then, no month is known. A month
    that closes has a row for each customer, but only customers with a line in its window have to be measured. -#}
{% macro touched_customer_months(stored) -%}
    with {{ changed_customer_months(stored) }}, {{ months_by_rank() }},
    measured_customers as (
        select
            customers.customer_id,
            min(customers.month_start) as month_start
        from (
            select
                customer_id,
                month_start
            from changed_months
            union all
            select
                invoices.customer_id,
                spans.next_month_start
            from {{ ref("int_invoices_summed") }} as invoices
            inner join spans
                on
                    spans.next_month_start < spans.open_month_start
                    and invoices.invoiced_on >= spans.next_month_start - interval '{{ var("rfm_window_months") - 1 }} months'
            where invoices.customer_id is not null
        ) as customers
        group by customers.customer_id
    )
    select
        measured_customers.customer_id,
        months.month_end,
        true as is_measured,
        months.is_rated
    from measured_customers
    inner join months on measured_customers.month_start <= months.month_start
    union all
    select
        others.customer_id,
        others.month_end,
        false as is_measured,
        true as is_rated
    from (
        select
            customer_id,
            month_end
        from {{ stored }}
        where month_end = any(array(select month_end from months where is_rated))
        union all
        select
            last_months.customer_id,
            months.month_end
        from {{ stored }} as last_months
        inner join spans on last_months.month_end = spans.next_month_start - 1
        inner join months on spans.next_month_start <= months.month_start
    ) as others
    where not exists (
        select
        from measured_customers
        where
            others.customer_id = measured_customers.customer_id
            and others.month_end >= measured_customers.month_start
    )
{%- endmacro %}
