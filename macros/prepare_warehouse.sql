{#- The `on-run-start` hook of this project. -#}
{% macro prepare_warehouse() -%}
    {{- assert_variables_are_valid() -}}
    {%- if execute and flags.WHICH in ["build", "run", "test", "snapshot"] -%}
        {{ assert_files_have_landed() }}
        {{- assert_changes_have_landed() }}
        create extension if not exists btree_gist schema public
    {%- endif -%}
{%- endmacro %}
