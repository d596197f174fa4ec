{#- A column that the metadata got since the last build is null in the rows of before. -#}
{% macro stored_rows(columns) -%}
    {%- set stored = adapter.get_columns_in_relation(this) if not pg_wap.is_delta() else [] -%}
    {%- set found = stored | map(attribute="name") | list or columns -%}
    {%- set shown = [] -%}
    {%- for column in columns -%}
        {%- do shown.append(("stored." ~ column if column in found else "null") ~ " as " ~ column) -%}
    {%- endfor -%}
    select {{ shown | join(", ") }}
    from {{ this }} as stored
    where true {{ pg_vault.in_scope("stored") }}
{%- endmacro %}
