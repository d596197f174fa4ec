{#- Of a query with bounds no rows are staged, but its columns are known before the first partition is built. dbt-postgres never
    sends a BEGIN (psycopg2 does, once for a connection), so after a COMMIT each call would be a transaction of its own. -#}
{% macro stage_partitions(staged, sql, is_bounded) -%}
    begin;
    {{ config.get("sql_header") or "" }}

    create table {{ staged }} as (
        {{ contracted_query(sql) }}
    ){% if is_bounded %} with no data{% endif %}
{%- endmacro %}
