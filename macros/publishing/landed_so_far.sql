{% macro landed_so_far() -%}
    select
        count(*) as files,
        max(file_id) as last_file_id
    from {{ graph.nodes["model." ~ project_name ~ ".stg_retail__landed_files"].relation_name }}
{%- endmacro %}
