{#- Reads no contract while it compiles: the columns stand in the model, so the model is built again when they change. -#}
{% macro quarantined_rows(table, columns) -%}
with

typed_rows as (

    select * from {{ ref("stg_retail__" ~ table) }}

),

delivered_rows as (

    select * from {{ source("retail", table) }}

),

landed_files as (

    select * from {{ source("retail", "landed_files") }}

),

final as (

    select
        typed_rows.file_id,
        typed_rows.file_line,
        landed_files.name as file_name,
        typed_rows.quarantine_reasons,

        {% for column in columns -%}
        delivered_rows.{{ column }},
        {% endfor %}
        landed_files.landed_at as first_seen_at
    from typed_rows
    inner join delivered_rows
        on typed_rows.file_id = delivered_rows._file_id and typed_rows.file_line = delivered_rows._line
    inner join landed_files on typed_rows.file_id = landed_files.file_id
    where not typed_rows.is_usable

)

select * from final
{%- endmacro %}
