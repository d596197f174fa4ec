{% macro stage_touched_partitions(served, by, change) -%}
    {%- set table = served.include(database=false) -%}
    {%- set others, swap, swap_back = [], [], [] -%}
    {%- for partition in change.built + change.empty -%}
        {%- do others.append(
            "(" ~ by.column ~ " < " ~ partition.from ~ " or " ~ by.column ~ " >= " ~ partition.to ~ ")"
        ) -%}
    {%- endfor -%}
    {%- for partition in change.gone -%}
        {%- set bounds = {} -%}
        {%- for built in change.built + change.empty if built.name == partition.name -%}
            {%- do bounds.update(built) -%}
        {%- endfor -%}
        {%- set previous = bounds.relation.incorporate(path={"identifier": partition.name ~ "__previous"}) -%}
        {%- set previous = previous.include(database=false) -%}
        {%- do swap.append("alter table " ~ table ~ " detach partition " ~ partition.relation) -%}
        {%- do swap.append("alter table " ~ partition.relation ~ " rename to " ~ adapter.quote(partition.name ~ "__previous")) -%}
        {%- do swap_back.append("alter table " ~ previous ~ " rename to " ~ adapter.quote(partition.name)) -%}
        {%- do swap_back.append(
            "alter table " ~ table ~ " attach partition " ~ partition.relation
            ~ " for values from (" ~ bounds.from ~ ") to (" ~ bounds.to ~ ")"
        ) -%}
    {%- endfor -%}
    {%- set taken_back = [] -%}
    {%- for partition in change.built -%}
        {%- set aside = partition.aside.include(database=false) -%}
        {%- do swap.append(
            "alter table " ~ table ~ " attach partition " ~ aside ~ " for values from (" ~ partition.from ~ ") to ("
            ~ partition.to ~ ")"
        ) -%}
        {%- do swap.append("alter table " ~ aside ~ " rename to " ~ adapter.quote(partition.name)) -%}
        {%- do taken_back.append("drop table " ~ partition.relation.include(database=false)) -%}
    {%- endfor -%}
    {%- for partition in change.empty -%}
        {%- do swap.append("drop table " ~ partition.aside.include(database=false)) -%}
    {%- endfor -%}
    {%- set rows -%}
        select * from {{ table }} where {{ others | join(" and ") }}
        {%- for partition in change.built %}
        union all
        select * from {{ partition.aside.include(database=false) }}
        {%- endfor %}
    {%- endset -%}
    {{ stage_candidate(
        rows=rows,
        is_full=false,
        publish={
            "under_locks": swap | join(";\n") ~ ";",
            "settle": analyze_partitioned(served),
        },
        rollback={
            "under_locks": (taken_back + swap_back) | join(";\n") ~ ";",
        },
    ) }}
{%- endmacro %}
