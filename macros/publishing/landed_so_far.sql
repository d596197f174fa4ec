{% macro landed_so_far() -%}
    {%- set ledger = graph.nodes["model." ~ project_name ~ ".stg_retail__landed_files"] -%}
    {%- if load_relation(api.Relation.create(database=ledger.database, schema=ledger.schema, identifier=ledger.alias)) %}
    select
        count(*) as files,
        max(file_id) as last_file_id,
        max(landed_at) as last_landed_at
    from {{ ledger.relation_name }}
    {%- else %}
    select 0 as files, null::integer as last_file_id, null::timestamptz as last_landed_at
    {%- endif -%}
{%- endmacro %}
