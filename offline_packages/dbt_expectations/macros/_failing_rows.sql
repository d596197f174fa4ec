{% macro _failing_rows(model, expression, group_by=none, row_condition=none) %}

{#- Rows, or groups where `group_by` is given, for which a boolean expression is false. Unknown is not a failure. -#}
with checked as (

    select
        {% for column in group_by or [] -%}
        {{ column }} as col_{{ loop.index }},
        {% endfor -%}
        {{ expression }} as is_met
    from {{ model }}
    {%- if row_condition %}
    where {{ row_condition }}
    {%- endif %}
    {%- if group_by %}
    group by {{ group_by | join(', ') }}
    {%- endif %}

)

select *
from checked
where not is_met

{% endmacro %}
