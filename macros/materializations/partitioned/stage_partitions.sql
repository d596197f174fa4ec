{#- Of a query with bounds no rows are staged, but its columns are known before the first partition is built. -#}
{% macro stage_partitions(staged, sql, is_bounded) -%}
    {{ config.get("sql_header") or "" }}

    create table {{ staged }} as (
        {{ contracted_query(sql) }}
    ){% if is_bounded %} with no data{% endif %}
{%- endmacro %}
