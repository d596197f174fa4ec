{#- All that readers have to wait for is this one string, its commit included: between two calls dbt may be busy with other
    models. -#}
{% macro swap_partitions(relation, by, state, change) -%}
    {%- set table = relation.include(database=false) -%}
    {%- set tables = ([table] if state.kind in ["r", "p"] else []) + change.gone | map(attribute="relation") | list -%}
    {%- for partition in change.built -%}
        {%- do tables.append(partition.aside.include(database=false)) -%}
    {%- endfor -%}
    begin;
    {{ swap_under_locks(relation, tables, swap_statements(relation, by, state, change)) }};
    {{ record_touched_partitions(relation, change.ranges, change.is_full) }}
    commit
{%- endmacro %}
