{#- A failure is a value that is not the one before it plus the interval. Nulls pass. -#}
{% test sequential_values(model, column_name, interval=1, datepart=none, group_by_columns=[]) %}

with steps as (

    select
        {{ column_name }} as value_found,
        lag({{ column_name }}) over (
            {{ "partition by " ~ group_by_columns | join(", ") if group_by_columns }}
            order by {{ column_name }}
        ) as value_before
    from {{ model }}

)

select *
from steps
{% if datepart -%}
where cast(value_found as timestamp) <> cast({{ dbt.dateadd(datepart, interval, "value_before") }} as timestamp)
{%- else -%}
where value_found <> value_before + {{ interval }}
{%- endif %}

{% endtest %}
