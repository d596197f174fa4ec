{#- What dbt asks for the rows that a generic test looks at: in a delta build, those that were touched. -#}
{% macro postgres__get_where_subquery(relation) -%}
    {%- set rows = touched_rows(as_built(relation)) -%}
    {%- set where = config.get("where", "") -%}
    {{ return("(select * from " ~ rows ~ " where " ~ where ~ ") as dbt_subquery" if where else rows) }}
{%- endmacro %}
