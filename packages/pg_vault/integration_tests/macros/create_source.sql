{% macro create_source() -%}
    create schema if not exists raw;
    create table if not exists raw.files (file_id integer primary key, landed_at timestamptz not null default clock_timestamp());
    create table if not exists raw.prices (
        file_id integer not null,
        file_line integer not null,
        product text,
        changed_on date,
        shop text,
        price numeric,
        primary key (file_id, file_line)
    )
{%- endmacro %}
