{#- Takes the place of what was there, and begins the log of changes anew: whoever reads it is built in full after this. -#}
{% macro keyed_swap_sql(target_relation, new_relation) -%}
    {%- set existing = load_cached_relation(target_relation) -%}
    {%- set log = changes_of(model.name) -%}
    {% if existing -%}
    drop {{ existing.type | default("table", true) }} if exists {{ target_relation }} cascade;
    {%- endif %}
    alter table {{ new_relation }} rename to {{ adapter.quote(target_relation.identifier) }};
    drop table if exists {{ log }};
    create table {{ log }} as select {{ config.get("changes", []) | join(", ") }} from {{ target_relation }} limit 0;
    {{ record_full_build() }}
{%- endmacro %}
