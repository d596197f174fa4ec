{% macro stage_all_partitions(served, by, state, change) -%}
    {%- set table = served.include(database=false) -%}
    {%- set new_table = make_intermediate_relation(served, "__new").include(database=false) -%}
    {%- set previous = make_intermediate_relation(served, "__previous") -%}
    {%- set clauses = partition_constraints().shared + ["alter column " ~ by.column ~ " set not null"] %}
    drop table if exists {{ new_table }} cascade;
    create table {{ new_table }} (
        {{ state.new_columns | map(attribute="ddl") | join(",\n        ") }}
    ) partition by range ({{ by.column }});
    alter table {{ new_table }}
        {{ clauses | join(",\n        ") }};
    {%- for partition in change.built %}
    alter table {{ new_table }} attach partition {{ partition.aside.include(database=false) }}
    for values from ({{ partition.from }}) to ({{ partition.to }});
    {%- endfor %}
    {%- for partition in change.empty %}
    drop table {{ partition.aside.include(database=false) }};
    {%- endfor %}
    {{ analyze_partitioned(make_intermediate_relation(served, "__new")) }};
    {%- set swap -%}
        alter table if exists {{ table }} rename to {{ adapter.quote(previous.identifier) }};
        {%- for partition in state.partitions %}
        alter table if exists {{ partition.relation }} rename to {{ adapter.quote(partition.name ~ "__previous") }};
        {%- endfor %}
        alter table {{ new_table }} rename to {{ adapter.quote(served.identifier) }};
        {%- for partition in change.built %}
        alter table {{ partition.aside.include(database=false) }} rename to {{ adapter.quote(partition.name) }};
        {%- endfor %}
    {%- endset -%}
    {%- set swap_back -%}
        drop table {{ table }};
        alter table if exists {{ previous.include(database=false) }} rename to {{ adapter.quote(served.identifier) }};
        {%- for partition in state.partitions %}
        alter table if exists {{ partition.relation ~ "__previous" }} rename to {{ adapter.quote(partition.name) }};
        {%- endfor %}
    {%- endset -%}
    {{ stage_candidate(
        rows="select * from " ~ new_table,
        is_full=true,
        publish={"served_by": new_table, "under_locks": swap},
        rollback={"served_by": previous.include(database=false), "under_locks": swap_back},
    ) }}
{%- endmacro %}
