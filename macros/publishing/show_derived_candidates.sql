{#- Dropped with the candidate's views that they read, they show what is served until they are built again. -#}
{% macro show_derived_candidates() -%}
    {%- for node in published_models() if node.config.incremental_strategy == "derived" -%}
        {%- set view = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) %}
        {%- set candidate = candidate_of(view).include(database=false) %}
        {%- set view = view.include(database=false) %}
if to_regclass('{{ candidate }}') is null and to_regclass('{{ view }}') is not null then
    create view {{ candidate }} as select * from {{ view }};
end if;
    {%- endfor -%}
{%- endmacro %}
