{% macro git_commit() -%}
    {%- set commit = env_var("DBT_GIT_COMMIT", "") -%}
    {{ return("'" ~ commit.replace("'", "") ~ "'" if commit else "null") }}
{%- endmacro %}
