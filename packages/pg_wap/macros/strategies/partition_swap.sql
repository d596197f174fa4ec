{#- The change of an incremental build: the touched partitions take the place of their predecessors, which a release keeps for a rollback.
    A full build of a table that is no part of a release does the same with all partitions, so the table and the views on it stay. -#}
{% macro replace_partitions(relation, by, state, found, is_full) -%}
    {%- set is_published = pg_wap.is_published(model) -%}
    {%- set table = relation.include(database=false) -%}
    {%- set touched = found.built + found.empty -%}
    {%- set gone = state.partitions if is_full
        else state.partitions | selectattr("name", "in", touched | map(attribute="name") | list) | list -%}
    {%- set ranges, within, others, swap, take_back, put_back = [], [], [], [], [], [] -%}
    {%- for partition in touched -%}
        {%- do ranges.append([partition.start | string, partition.end | string]) -%}
        {%- do within.append("(" ~ by.column ~ " >= " ~ partition.from ~ " and " ~ by.column ~ " < " ~ partition.to ~ ")") -%}
        {%- do others.append("(" ~ by.column ~ " < " ~ partition.from ~ " or " ~ by.column ~ " >= " ~ partition.to ~ ")") -%}
    {%- endfor -%}
    {%- for partition in gone if not is_published -%}
        {%- do swap.append("drop table " ~ partition.relation ~ " cascade") -%}
    {%- endfor -%}
    {%- for partition in gone if is_published -%}
        {%- set bounds = touched | selectattr("name", "equalto", partition.name) | first -%}
        {%- set previous = bounds.relation.incorporate(path={"identifier": partition.name ~ "__previous"}).include(database=false) -%}
        {%- do swap.append("alter table " ~ table ~ " detach partition " ~ partition.relation) -%}
        {%- do swap.append("alter table " ~ partition.relation ~ " rename to " ~ adapter.quote(partition.name ~ "__previous")) -%}
        {%- do put_back.append("alter table " ~ previous ~ " rename to " ~ adapter.quote(partition.name)) -%}
        {%- do put_back.append("alter table " ~ table ~ " attach partition " ~ partition.relation ~ pg_wap.bounds_of(bounds)) -%}
    {%- endfor -%}
    {%- if is_full -%}
        {%- do swap.append("alter table " ~ table ~ " " ~ pg_wap.parent_clauses(by, state) | join(", ")) -%}
    {%- endif -%}
    {%- for partition in found.built -%}
        {%- set aside = partition.aside.include(database=false) -%}
        {%- do swap.append("alter table " ~ table ~ " attach partition " ~ aside ~ pg_wap.bounds_of(partition)) -%}
        {%- do swap.append("alter table " ~ aside ~ " rename to " ~ adapter.quote(partition.name)) -%}
        {%- do take_back.append("drop table " ~ partition.relation.include(database=false)) -%}
    {%- endfor -%}
    {%- for partition in found.empty -%}
        {%- do swap.append("drop table " ~ partition.aside.include(database=false)) -%}
    {%- endfor -%}
    {%- set rows -%}
        select * from {{ table }} where {{ others | join(" and ") }}
        {%- for partition in found.built %}
        union all
        select * from {{ partition.aside.include(database=false) }}
        {%- endfor %}
    {%- endset -%}
    {{ return({
        "is_full": is_full,
        "compute": pg_wap.record_touched_partitions(ranges) if not is_full else "",
        "rows": rows,
        "locks": [table] + gone | map(attribute="relation") | list,
        "new": found.built | map(attribute="aside") | list,
        "swap_sql": swap | join(";\n") ~ ";",
        "after_sql": pg_wap.analyze_partitioned(relation) if is_published else "",
        "compared": {"within": within | join(" or ")} if not is_full else {},
        "rollback": {"swap_sql": (take_back + put_back) | join(";\n") ~ ";"},
    }) }}
{%- endmacro %}

{#- The change of a full build: a new table of all partitions takes the place of the old one, whatever that was. -#}
{% macro replace_partitioned_table(relation, by, state, found) -%}
    {%- set is_published = pg_wap.is_published(model) -%}
    {%- set kind = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"} -%}
    {%- set table = relation.include(database=false) -%}
    {%- set new_relation = make_intermediate_relation(relation, "__new") -%}
    {%- set new_table = new_relation.include(database=false) -%}
    {%- set previous = make_intermediate_relation(relation, "__previous") -%}
    {%- set compute %}
        drop table if exists {{ new_table }} cascade;
        create table {{ new_table }} (
            {{ state.new_columns | map(attribute="ddl") | join(",\n            ") }}
        ) partition by range ({{ by.column }});
        alter table {{ new_table }}
            {{ pg_wap.parent_clauses(by, {}) | join(",\n            ") }};
        {%- for partition in found.built %}
        alter table {{ new_table }} attach partition {{ partition.aside.include(database=false) }}{{ pg_wap.bounds_of(partition) }};
        {%- endfor %}
        {%- for partition in found.empty %}
        drop table {{ partition.aside.include(database=false) }};
        {%- endfor %}
        {{ pg_wap.analyze_partitioned(new_relation) }};
    {%- endset -%}
    {%- set swap %}
        alter table if exists {{ table }} rename to {{ adapter.quote(previous.identifier) }};
        {%- for partition in state.partitions %}
        alter table if exists {{ partition.relation }} rename to {{ adapter.quote(partition.name ~ "__previous") }};
        {%- endfor %}
        alter table {{ new_table }} rename to {{ adapter.quote(relation.identifier) }};
        {%- for partition in found.built %}
        alter table {{ partition.aside.include(database=false) }} rename to {{ adapter.quote(partition.name) }};
        {%- endfor %}
        {%- if not is_published %}
            {%- if state.kind %}
            {%- do adapter.cache_dropped(relation) %}
        drop {{ kind[state.kind] }} {{ previous.include(database=false) }} cascade;
            {%- endif %}
            {%- for grant in get_dcl_statement_list(relation, config.get("grants") or {}, get_grant_sql) %}
        {{ grant }};
            {%- endfor %}
        {%- endif %}
    {%- endset -%}
    {%- set swap_back %}
        drop table {{ table }};
        alter table if exists {{ previous.include(database=false) }} rename to {{ adapter.quote(relation.identifier) }};
        {%- for partition in state.partitions %}
        alter table if exists {{ partition.relation ~ "__previous" }} rename to {{ adapter.quote(partition.name) }};
        {%- endfor %}
    {%- endset -%}
    {{ return({
        "is_full": true,
        "compute": compute,
        "rows": "select * from " ~ new_table,
        "locks": ([table] if state.kind in ["r", "p"] else []) + state.partitions | map(attribute="relation") | list,
        "new": found.built | map(attribute="aside") | list,
        "published_by": new_table,
        "swap_sql": swap,
        "rollback": {"published_by": previous.include(database=false), "swap_sql": swap_back},
    }) }}
{%- endmacro %}

{% macro bounds_of(partition) -%}
    {{ return(" for values from (" ~ partition.from ~ ") to (" ~ partition.to ~ ")") }}
{%- endmacro %}

{#- The constraints of the table above the partitions; those of before, which the contract may have lifted, go. -#}
{% macro parent_clauses(by, state) -%}
    {%- set clauses = [] -%}
    {%- for check in state.checks or [] -%}
        {%- do clauses.append("drop constraint " ~ check) -%}
    {%- endfor -%}
    {%- for column in state.not_null or [] -%}
        {%- do clauses.append("alter column " ~ column ~ " drop not null") -%}
    {%- endfor -%}
    {{ return(clauses + pg_wap.partition_constraints().shared + ["alter column " ~ by.column ~ " set not null"]) }}
{%- endmacro %}
