{#- The rows that differ wait beside the table that is served, in two tables of the same columns and constraints. They are written when they
    are published, and kept for a rollback.

    The view of both has its condition around the union, not within: only so can who joins it look rows up by an index. Within, the planner
    reads the table whole for each query (PostgreSQL: is_safe_append_member). -#}
{% macro stage_keyed_delta(served) -%}
    {%- set row_key = config.require("unique_key") -%}
    {%- set row_key = [row_key] if row_key is string else row_key -%}
    {%- set keys = row_key | join(", ") -%}
    {%- set table = served.include(database=false) -%}
    {%- set tables = {} -%}
    {%- for name in ["added", "gone", "previous_added", "previous_gone"] -%}
        {%- do tables.update({name: make_intermediate_relation(served, "__" ~ name).include(database=false)}) -%}
    {%- endfor %}
    {{ keyed_rows_apart_sql(table, tables) }}
    {%- set columns = [] -%}
    {%- for name in column_names(served) -%}
        {%- do columns.append(adapter.quote(name)) -%}
    {%- endfor %}
    {% set rows -%}
        select {{ columns | join(", ") }}
        from (
            select
                *,
                false as is_new_row
            from {{ table }}
            union all
            select
                *,
                true as is_new_row
            from {{ tables.added }}
        ) as candidate_rows
        where is_new_row or ({{ keys }}) not in (select {{ keys }} from {{ tables.gone }})
    {%- endset -%}
    {%- set write -%}
        delete from {{ table }} where ({{ keys }}) in (select {{ keys }} from {{ tables.gone }});
        insert into {{ table }} select * from {{ tables.added }};
        alter table {{ tables.gone }} rename to {{ adapter.quote(served.identifier ~ "__previous_gone") }};
        alter table {{ tables.added }} rename to {{ adapter.quote(served.identifier ~ "__previous_added") }};
    {%- endset -%}
    {%- set take_back -%}
        delete from {{ table }} where ({{ keys }}) in (select {{ keys }} from {{ tables.previous_added }});
        insert into {{ table }} select * from {{ tables.previous_gone }};
        drop table {{ tables.previous_added }}, {{ tables.previous_gone }};
    {%- endset -%}
    {{ stage_candidate(
        rows=rows,
        is_full=false,
        publish={
            "only_if": "exists (select from " ~ tables.added ~ ") or exists (select from " ~ tables.gone ~ ")",
            "otherwise": "drop table " ~ tables.added ~ ", " ~ tables.gone ~ ";",
            "before_locks": write,
            "settle": keyed_analyze_sql(served, tables.previous_added),
        },
        rollback={"before_locks": take_back},
    ) }}
{%- endmacro %}
