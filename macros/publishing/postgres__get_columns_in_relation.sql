{#- Unit tests ask which columns gold has before it is published for the first time. -#}
{% macro postgres__get_columns_in_relation(relation) -%}
    {{ return(dbt.postgres__get_columns_in_relation(as_built(relation))) }}
{%- endmacro %}
