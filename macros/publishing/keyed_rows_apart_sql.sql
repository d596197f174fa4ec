{#- Of the rows that differ (`keyed_differences_sql`), those that are to go and those that are to come, in tables of their own; logged, as
    what comes after looks at them now. -#}
{% macro keyed_rows_apart_sql(table, tables) -%}
    {%- set row_key = config.require("unique_key") -%}
    {%- set row_key = [row_key] if row_key is string else row_key -%}
    {%- set changes = config.get("changes", []) | join(", ") -%}
    {%- set new_rows = adapter.quote(model.name[:58] ~ "__new") -%}
    {%- set old_rows = adapter.quote(model.name[:58] ~ "__old") %}
    create table {{ tables.gone }} as
    select served.*
    from {{ table }} as served
    where ctid = any(array(select old_ctid from {{ old_rows }} where is_gone));

    create table {{ tables.added }} (like {{ table }} including constraints including indexes);

    insert into {{ tables.added }}
    select new_rows.*
    from {{ new_rows }} as new_rows
    left join {{ old_rows }} as old_rows
        on
            not old_rows.is_gone
            {%- for column in row_key %}
            and new_rows.{{ column }} = old_rows.{{ column }}
            {%- endfor %}
    where old_rows.old_ctid is null;
    {%- if changes %}

    insert into {{ changes_of(model.name) }}
    select {{ changes }} from {{ tables.added }}
    union
    select {{ changes }} from {{ tables.gone }};
    {%- endif %}

    analyze {{ tables.added }}, {{ tables.gone }};
{%- endmacro %}
