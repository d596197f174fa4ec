{#- A query of the files whose typed rows are not, by their totals, the delivered rows: the number of rows, and a sum of 64-bit hashes, of
    each line number and the columns that have a value in this line. A row that is not usable makes its file differ.
    `pairs`: names of a delivered and of its typed column. -#}
{% macro files_that_differ(delivered, typed, pairs) -%}
    {%- set delivered_values, typed_values = [], [] -%}
    {%- for delivered_name, typed_name in pairs -%}
        {%- do delivered_values.append(unless_missing(delivered_name)) -%}
        {%- do typed_values.append(typed_name) -%}
    {%- endfor %}
    with

    delivered_totals as (

        select
            file_id,
            count(*) as lines,
            sum({{ hash_of_values(delivered_values) }}) as hashes
        from {{ delivered }}
        group by file_id

    ),

    typed_totals as (

        select
            file_id,
            count(*) filter (where is_usable and quarantine_reasons = '') as lines,
            sum({{ hash_of_values(typed_values) }}) as hashes
        from {{ typed }}
        group by file_id

    )

    select file_id from (select * from delivered_totals except select * from typed_totals) as more
    union all
    select file_id from (select * from typed_totals except select * from delivered_totals) as less
{%- endmacro %}
