{#- All that readers have to wait for is this one string: with its commit, as between two calls dbt may be busy with other models. -#}
{% macro swap_partitions(relation, by, state, change) -%}
    {%- set table = relation.include(database=false) -%}
    {%- set constraints = partition_constraints() -%}
    {%- set clauses = constraints.shared + ["alter column " ~ by.column ~ " set not null"] -%}
    {%- if state.kind %}
    {{ lock_for_swap(relation, state.kind, change.gone | map(attribute="relation") | list) }};
    {%- endif %}
    {%- if change.is_new and state.kind in ["r", "p"] %}

    drop table {{ table }} cascade;
    {%- elif change.gone and not change.is_new %}

    drop table {{ change.gone | map(attribute="relation") | join(", ") }} cascade;
    {%- endif %}
    {%- if change.is_new %}

    create table {{ table }} (
        {{ state.new_columns | map(attribute="ddl") | join(",\n        ") }}
    ) partition by range ({{ by.column }});
    {%- endif %}
    {%- if change.is_full %}

    alter table {{ table }}
        {%- if not change.is_new %}
        {%- for check in state.checks or [] %}
        drop constraint {{ check }},
        {%- endfor %}
        {%- for column in state.not_null or [] %}
        alter column {{ column }} drop not null,
        {%- endfor %}
        {%- endif %}
        {{ clauses | join(",\n        ") }};
    {%- endif %}
    {%- for partition in change.built %}

    alter table {{ table }} attach partition {{ partition.aside.include(database=false) }}
    for values from ({{ partition.from }}) to ({{ partition.to }});
    alter table {{ partition.aside.include(database=false) }} rename to {{ adapter.quote(partition.name) }};
    {%- endfor %}
    {%- for partition in change.empty %}

    drop table {{ partition.aside.include(database=false) }};
    {%- endfor %}
    {%- if change.is_new %}
    {%- for grant in get_dcl_statement_list(relation, config.get("grants") or {}, get_grant_sql) %}

    {{ grant }};
    {%- endfor %}
    {%- endif %}

    {{ record_touched_partitions(relation, change.ranges, change.is_full) }}

    commit
{%- endmacro %}
