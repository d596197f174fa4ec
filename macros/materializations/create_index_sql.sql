{#- dbt's own index configuration, and `where` and `with` for partial indexes and storage parameters. PostgreSQL finds the name. -#}
{% macro create_index_sql(relation, index) -%}
    create {% if index.unique %}unique {% endif %}index on {{ relation }}
    {%- if index.type %} using {{ index.type }}{% endif %} ({{ index.columns | join(", ") }})
    {%- if index.with %} with ({{ index.with }}){% endif %}
    {%- if index.where %} where {{ index.where }}{% endif %}
{%- endmacro %}
