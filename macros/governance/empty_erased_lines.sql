{#- For the pre-hook of the typed lines, in an incremental build. An erasure empties the customer of some lines in bronze. To type whole files
    again for them would cost a full build where a file has a million lines, so the same column is emptied here, and what reads these lines
    finds them in the change log. -#}
{% macro empty_erased_lines() -%}
    {%- if pg_wap.is_delta() -%}
    with

    emptied as (

        update {{ this }} as lines
        set customer_id = null
        from {{ source('retail', 'landed_files').incorporate(path={'identifier': 'erased_lines'}) }} as erased_lines
        where
            erased_lines.table_name = 'transactions'
            and lines.file_id = erased_lines.file_id
            and lines.file_line = erased_lines.line
            and lines.customer_id is not null
        returning
            lines.file_id,
            lines.invoice_number

    )

    insert into {{ pg_wap.changes_of(model.name) }} (file_id, invoice_number)
    select distinct
        file_id,
        invoice_number
    from emptied
    {%- endif -%}
{%- endmacro %}
