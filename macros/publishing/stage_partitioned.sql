{#- To be published, the partitions wait: those of a full build under a table of their own, those of a delta beside the table that is served.
    Old ones are kept for a rollback. -#}
{% macro stage_partitioned(served, by, state, change) -%}
    begin;
    {% if change.is_full -%}
    {{ stage_all_partitions(served, by, state, change) }}
    {%- else -%}
    {{ stage_touched_partitions(served, by, change) }};
    {%- if change.ranges %}
    {{ record_touched_partitions(served, change.ranges, false) }}
    {%- endif %}
    {%- endif %}
{%- endmacro %}
