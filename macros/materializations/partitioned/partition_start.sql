{#- The comments mark what the materialization replaces; as it stands, the query is that of all partitions. -#}
{% macro partition_start(data_type="date") -%}
    {%- if data_type == "integer" -%}
        /* partition start key */ -2147483648
    {%- else -%}
        /* partition start */ '-infinity'::date
    {%- endif -%}
{%- endmacro %}
