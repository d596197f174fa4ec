{#- The comments mark what the materialization replaces; as it stands, the query is that of all partitions. -#}
{% macro partition_start(data_type="date") -%}
    {%- if data_type == "integer" -%}
        /* partition start key */ -2147483648
    {%- else -%}
        /* partition start */ '-infinity'::date
    {%- endif -%}
{%- endmacro %}

{% macro partition_end(data_type="date") -%}
    {%- if data_type == "integer" -%}
        /* partition end key */ 2147483647
    {%- else -%}
        /* partition end */ 'infinity'::date
    {%- endif -%}
{%- endmacro %}

{% macro in_partition(expression, data_type="date") -%}
    ({{ expression }} >= {{ pg_wap.partition_start(data_type) }} and {{ expression }} < {{ pg_wap.partition_end(data_type) }})
{%- endmacro %}
