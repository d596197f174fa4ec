{% macro bind_partition(sql, partition) -%}
    {%- set bounds = {
        partition_start(): "'" ~ partition.start ~ "'::date",
        partition_end(): "'" ~ partition.end ~ "'::date",
        partition_start("integer"): partition.start.strftime("%Y%m%d"),
        partition_end("integer"): partition.end.strftime("%Y%m%d"),
    } -%}
    {%- set bound = namespace(sql=sql) -%}
    {%- for marked, value in bounds.items() -%}
        {%- set bound.sql = bound.sql.replace(marked, value) -%}
    {%- endfor -%}
    {{ return(bound.sql) }}
{%- endmacro %}
