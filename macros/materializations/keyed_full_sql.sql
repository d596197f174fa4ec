{#- The whole table, made beside the one that is read meanwhile.

    What comes later goes to its end, and not into gaps that are too small for any row that was here: of a day's 2,500 lines, some would go
    to each of a hundred ranges of a BRIN index, which then finds a tenth of ten million lines where it looks for that day. -#}
{% macro keyed_full_sql(new_relation, sql) -%}
    drop table if exists {{ new_relation }};
    {{ create_table_as(False, new_relation, sql) }}
    {%- for index in config.get("indexes", []) %}
    {{ create_index_sql(new_relation, index) }};
    {%- endfor %}
    {%- if config.get("indexes", []) | selectattr("type", "equalto", "brin") | list %}
    alter table {{ new_relation }} set (fillfactor = 95);
    {%- endif %}
    {{ keyed_analyze_sql(new_relation) }}
{%- endmacro %}
