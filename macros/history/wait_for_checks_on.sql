{#- dbt runs a check before a model only if the model depends on every node that the check reads. The text of an SQL comment,
    because a bare call before `with` hides the query from the parsers of linters. -#}
{% macro wait_for_checks_on(relation) -%}
    waits for the checks on {{ relation.identifier }}
{%- endmacro %}
