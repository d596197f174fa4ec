{% test relationships_where(model, column_name, to, field, from_condition='1=1', to_condition='1=1') %}

with child as (

    select {{ column_name }} as child_key
    from {{ model }}
    where
        {{ column_name }} is not null
        and ({{ from_condition }})

),

parent as (

    select {{ field }} as parent_key
    from {{ to }}
    where
        {{ field }} is not null
        and ({{ to_condition }})

)

select child.child_key
from child
where not exists (
    select 1
    from parent
    where parent.parent_key = child.child_key
)

{% endtest %}
