{#- A query of the files whose typed rows are not, by their totals, the delivered rows: rows, values of each column, and a sum of 64-bit
    hashes of the line numbers. A row that is not usable makes its file differ. `pairs`: names of a delivered and of its typed column. -#}
{% macro files_that_differ(delivered, typed, pairs) -%}
    with

    delivered_totals as (

        select
            file_id,
            count(*) as lines,
            {%- for delivered_name, typed_name in pairs %}
            count({{ unless_missing(delivered_name) }}) as {{ delivered_name }}_values,
            {%- endfor %}
            sum(hashint4extended(file_line, 0)) as line_hashes
        from {{ delivered }}
        group by file_id

    ),

    typed_totals as (

        select
            file_id,
            count(*) filter (where is_usable and quarantine_reasons = '') as lines,
            {%- for delivered_name, typed_name in pairs %}
            count({{ typed_name }}) as {{ delivered_name }}_values,
            {%- endfor %}
            sum(hashint4extended(file_line, 0)) as line_hashes
        from {{ typed }}
        group by file_id

    )

    select file_id from (select * from delivered_totals except select * from typed_totals) as more
    union all
    select file_id from (select * from typed_totals except select * from delivered_totals) as less
{%- endmacro %}
