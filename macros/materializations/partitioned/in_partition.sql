{% macro in_partition(expression, data_type="date") -%}
    ({{ expression }} >= {{ partition_start(data_type) }} and {{ expression }} < {{ partition_end(data_type) }})
{%- endmacro %}
