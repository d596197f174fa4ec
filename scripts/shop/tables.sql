-- The tables of the shop. Each statement can run again on its result.
create table if not exists orders (
    invoice text primary key,
    customer_id integer,
    country text not null,
    invoice_date timestamp not null
);

create table if not exists order_lines (
    invoice text not null references orders on delete cascade,
    line_number integer not null,
    stock_code text not null,
    description text,
    quantity integer not null,
    price numeric(10, 4) not null,
    primary key (invoice, line_number)
);

do $publication$
begin
    if not exists (select from pg_publication where pubname = 'warehouse') then
        create publication warehouse for table orders, order_lines;
    end if;
    if not exists (select from pg_roles where rolname = 'warehouse') then
        create role warehouse login replication;
    end if;
end $publication$;

grant select on orders, order_lines to warehouse;
