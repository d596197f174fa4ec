{% macro swap_statements(relation, by, state, change) -%}
    {%- set table = relation.include(database=false) -%}
    {%- set kind = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"} -%}
    {%- set clauses = partition_constraints().shared + ["alter column " ~ by.column ~ " set not null"] -%}
    {%- if change.is_new and state.kind %}
    drop {{ kind[state.kind] }} {{ table }} cascade;
    {%- elif change.gone %}
    drop table {{ change.gone | map(attribute="relation") | join(", ") }} cascade;
    {%- endif %}
    {%- if change.is_new %}
    create table {{ table }} (
        {{ state.new_columns | map(attribute="ddl") | join(",\n        ") }}
    ) partition by range ({{ by.column }});
    {%- endif %}
    {%- if change.is_full %}
    alter table {{ table }}
        {%- for check in state.checks or [] if not change.is_new %}
        drop constraint {{ check }},
        {%- endfor %}
        {%- for column in state.not_null or [] if not change.is_new %}
        alter column {{ column }} drop not null,
        {%- endfor %}
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
    {%- for grant in get_dcl_statement_list(relation, config.get("grants") or {}, get_grant_sql) if change.is_new %}
    {{ grant }};
    {%- endfor %}
{%- endmacro %}
