{% macro record_touched_partitions(relation, partitions, is_full) -%}
{%- endmacro %}
