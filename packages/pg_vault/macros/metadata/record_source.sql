{#- What comes in no file, such as a seed, has no number of a file. -#}
{% macro record_source(source) -%}
    {{ return("file_id" if "file_id" in (pg_vault.node_of(source).columns or {}) else "null::integer") }}
{%- endmacro %}
