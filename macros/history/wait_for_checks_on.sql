{#- dbt runs a check before a model only if the model comes after everything that the check looks at. -#}
{% macro wait_for_checks_on(relation) -%}
    -- waits for the checks on {{ relation.identifier }}
{%- endmacro %}
