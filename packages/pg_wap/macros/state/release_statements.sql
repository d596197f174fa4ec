{#- Statements of PL/pgSQL that run in the transaction of each release and each rollback, before any reader waits: what may take a moment,
    such as a lock that the statements after the swap need. A project gives its own by a macro `postgres__release_preparations`. -#}
{% macro release_preparations() -%}
    {{ return(adapter.dispatch("release_preparations", "pg_wap")()) }}
{%- endmacro %}

{% macro default__release_preparations() -%}{%- endmacro %}

{#- Statements of PL/pgSQL that run in the transaction of each release and each rollback, after the views are swapped: what readers see and
    what the project says of it, such as rights, become visible together. They may use the variable `step`. A project gives its own by a
    macro `postgres__release_statements`, which dbt finds in the root before it looks here. Readers wait for these statements. -#}
{% macro release_statements() -%}
    {{ return(adapter.dispatch("release_statements", "pg_wap")()) }}
{%- endmacro %}

{% macro default__release_statements() -%}{%- endmacro %}
