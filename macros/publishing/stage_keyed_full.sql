{#- To be published, the table that was built beside takes the place of the one that is served, which is kept for a rollback. The log of
    changes begins anew with it: whoever reads it is built in full after this. -#}
{% macro stage_keyed_full(served, new_relation) -%}
    {%- set log = changes_of(model.name).include(database=false) -%}
    {%- set table = served.include(database=false) -%}
    {%- set new_table = new_relation.include(database=false) -%}
    {%- set previous = make_intermediate_relation(served, "__previous") -%}
    {%- set change_log -%}
        drop table if exists {{ log }};
        create table {{ log }} as select {{ config.get("changes", []) | join(", ") }} from {{ new_table }} limit 0;
    {%- endset -%}
    {%- set swap -%}
        alter table if exists {{ table }} rename to {{ adapter.quote(previous.identifier) }};
        alter table {{ new_table }} rename to {{ adapter.quote(served.identifier) }};
    {%- endset -%}
    {%- set swap_back -%}
        drop table {{ table }};
        alter table if exists {{ previous.include(database=false) }} rename to {{ adapter.quote(served.identifier) }};
    {%- endset -%}
    {{ stage_candidate(
        rows="select * from " ~ new_table,
        is_full=true,
        publish={"before_locks": change_log, "served_by": new_table, "under_locks": swap},
        rollback={"served_by": previous.include(database=false), "under_locks": swap_back},
    ) }}
{%- endmacro %}
