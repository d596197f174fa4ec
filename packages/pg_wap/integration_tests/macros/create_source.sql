{#- The source of the store, where it is missing: a few lines of orders, which arrived in two deliveries. -#}
{% macro create_source() -%}
    create schema if not exists raw;
    create table if not exists raw.order_lines (
        line_id integer primary key,
        customer_id integer,
        country text not null,
        ordered_on date not null,
        amount numeric not null,
        delivery integer not null
    );
    insert into raw.order_lines
    select lines.*
    from (
        values
        (1, 1, 'FR', '2024-01-05'::date, 10.0, 1),
        (2, 1, 'FR', '2024-02-29'::date, 20.0, 1),
        (3, 2, 'DE', '2024-02-01'::date, 5.0, 1),
        (4, null, 'DE', '2024-03-31'::date, 7.5, 2),
        (5, 3, 'FR', '2024-03-01'::date, 1.0, 2)
    ) as lines (line_id, customer_id, country, ordered_on, amount, delivery)
    where not exists (select from raw.order_lines)
{%- endmacro %}
