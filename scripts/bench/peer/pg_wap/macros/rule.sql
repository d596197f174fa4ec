{#- One rule is one test. `dbt_utils.expression_is_true` would pass a row whose rule is null. -#}
{% test rule(model, expression) %}
select * from {{ model }} where ({{ expression }}) is not true
{% endtest %}
