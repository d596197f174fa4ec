{#- A temporary table that the materialization `keyed` makes before it runs the model's query. -#}
{% macro touched_keys() -%}
    {{ adapter.quote(model.name[:54] ~ "__touched") }}
{%- endmacro %}
