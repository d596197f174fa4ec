{#- dbt runs a check before a model only if the model depends on every node that the check reads. -#}
{% macro wait_for_checks_on(relation) -%}
    -- waits for the checks on {{ relation.identifier }}
{%- endmacro %}
