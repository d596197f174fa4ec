{#- The whole table, made beside the one that is read meanwhile. -#}
{% macro keyed_full_sql(new_relation, sql) -%}
    drop table if exists {{ new_relation }};
    {{ create_table_as(False, new_relation, sql) }}
    {%- for index in config.get("indexes", []) %}
    {{ create_index_sql(new_relation, index) }};
    {%- endfor %}
    {{ keyed_analyze_sql(new_relation) }}
{%- endmacro %}
