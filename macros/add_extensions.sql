{% macro add_extensions() -%}
    create extension if not exists btree_gist
{%- endmacro %}
