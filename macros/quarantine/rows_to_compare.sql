{#- The relations `delivered`, `typed` and `waiting`: the rows of files whose totals differ, or that have rows in quarantine. -#}
{% macro rows_to_compare(model, typed, quarantine, pairs) -%}
{%- set looks_at_changes = pg_wap.looks_at_changes_of(typed.identifier) -%}
{%- set is_touched = pg_wap.is_touched("stg_retail__landed_files", "file_id") if looks_at_changes else "true" -%}
delivered_rows as not materialized (

    select
        *,
        _file_id as file_id,
        _line as file_line
    from {{ model }}
    where {{ pg_wap.is_touched("stg_retail__landed_files", "_file_id") if looks_at_changes else "true" }}

),

typed_rows as not materialized (

    select * from {{ typed }} where {{ is_touched }}

),

{% if quarantine -%}
waiting as (

    select *, true as is_waiting from {{ quarantine }} where {{ is_touched }}

),

{% endif -%}
suspects as (

    {{ files_that_differ("delivered_rows", "typed_rows", pairs) }}
    {%- if quarantine %}
    union all
    select file_id from waiting
    {%- endif %}

),

delivered as not materialized (

    select * from delivered_rows where file_id = any(array(select file_id from suspects))

),

typed as not materialized (

    select * from typed_rows where file_id = any(array(select file_id from suspects))

),
{%- endmacro %}
