{% test expression_is_true(model, expression, column_name=none) %}

-- unknown is not a failure: a row fails only where the expression is false
select *
from {{ model }}
where not ({{ column_name ~ ' ' if column_name is not none }}{{ expression }})

{% endtest %}
