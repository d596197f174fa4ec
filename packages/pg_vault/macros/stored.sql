{#- Whether rows of this model are stored. They stay in every build, also in a full one: a vault is only added to. -#}
{% macro is_stored() -%}
    {{ return(execute and load_cached_relation(this) is not none) }}
{%- endmacro %}

{#- A column that the metadata got since the last build is null in the rows of before. -#}
{% macro stored_rows(columns) -%}
    {%- set found = columns if pg_wap.is_delta() else adapter.get_columns_in_relation(this) | map(attribute="name") | list -%}
    select
        {%- for column in columns %} {{ "stored." ~ column if column in found else "null" }} as {{ column }}{% if not loop.last %},{% endif %}{% endfor %}
    from {{ this }} as stored
    where true {{ pg_vault.in_scope("stored") }}
{%- endmacro %}

{#- The condition on what an incremental build looks at again: a column of the source, and one of the stored rows. Of a source without that
    column, such as a seed, all rows are read. -#}
{% macro in_scope(side, source=none) -%}
    {%- set touched = model.config.meta.vault.get("touched", {}) -%}
    {%- set is_known = source is none or touched.source in (pg_vault.node_of(source).columns or {}) -%}
    {{ return(pg_wap.only_touched(touched[side], after="and") if touched and is_known else "") }}
{%- endmacro %}
