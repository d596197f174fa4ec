{#- The rows of the touched keys as they are to be, and those that are there. -#}
{% macro keyed_differences_sql(target_relation, sql, touched) -%}
    {%- set new_rows = adapter.quote(model.name[:58] ~ "__new") -%}
    {%- set old_rows = adapter.quote(model.name[:58] ~ "__old") -%}

    create temporary table {{ new_rows }} on commit drop as
    {{ contracted_query(sql) }};

    analyze {{ new_rows }};

    {{ keyed_old_rows_sql(target_relation, touched, new_rows, old_rows) }}
{%- endmacro %}
