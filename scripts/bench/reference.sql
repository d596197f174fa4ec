-- What a careful engineer would type by hand to get the same lines into a star schema: no tests, no history, no
-- contract, no second delivery. It is spared more than the warehouse is: its one file holds each invoice once and no
-- line that cannot be typed. Run by scripts/bench/reference.py on the server that it is compared on:
--   psql -v csv=/path/to/clean.csv -f reference.sql
\set ON_ERROR_STOP on

begin;
create table raw_lines (
    invoice text, stock_code text, description text, quantity text,
    invoice_date text, unit_price text, customer_id text, country text
);
\set copy '\\copy raw_lines from ' :'csv' ' csv header'
:copy
commit;

create table lines as
select
    invoice as invoice_number,
    row_number() over (partition by invoice) as line_number,
    upper(trim(stock_code)) as stock_code,
    nullif(trim(description), 'nan') as description,
    quantity::integer as quantity,
    invoice_date::timestamp as invoiced_at,
    unit_price::numeric(12, 4) as unit_price,
    nullif(customer_id, '')::integer as customer_id,
    country
from raw_lines;
analyze lines;

create table dim_customer as
select
    row_number() over ()::integer as customer_key,
    customer_id,
    min(country) as country,
    min(invoiced_at) as first_invoiced_at
from lines
where customer_id is not null
group by customer_id;

create table dim_product as
select
    row_number() over ()::integer as product_key,
    stock_code,
    max(description) as description
from lines
group by stock_code;

create table fct_sales as
select
    row_number() over () as sales_key,
    coalesce(dim_customer.customer_key, -1) as customer_key,
    dim_product.product_key,
    to_char(lines.invoiced_at, 'YYYYMMDD')::integer as date_key,
    lines.invoice_number,
    lines.line_number,
    lines.invoiced_at,
    lines.quantity,
    lines.unit_price,
    (lines.quantity * lines.unit_price)::numeric(14, 4) as net_amount
from lines
left join dim_customer using (customer_id)
inner join dim_product using (stock_code);

alter table fct_sales add primary key (sales_key);
create index on fct_sales (customer_key);
create index on fct_sales (product_key);
create index on fct_sales using brin (invoiced_at);
analyze fct_sales;
