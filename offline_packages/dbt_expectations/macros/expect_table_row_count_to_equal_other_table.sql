{% test expect_table_row_count_to_equal_other_table(
    model,
    compare_model,
    group_by=none,
    compare_group_by=none,
    factor=1,
    row_condition=none,
    compare_row_condition=none
) %}

{#- what is not said of the other table is the same as here -#}
{%- set sides = [
    ('here', model, '1', group_by, row_condition),
    ('there', compare_model, factor, compare_group_by or group_by, compare_row_condition or row_condition),
] -%}
{%- set group_columns = group_by or [] %}

with
{% for name, relation, times, columns, condition in sides %}
{{ name }} as (

    select
        {% for column in columns or [] -%}
        {{ column }} as col_{{ loop.index }},
        {% endfor -%}
        count(*) * {{ times }} as row_count
    from {{ relation }}
    {%- if condition %}
    where {{ condition }}
    {%- endif %}
    {%- if columns %}
    group by {{ columns | join(', ') }}
    {%- endif %}

){{ ',' if not loop.last }}
{% endfor %}
-- a group that one side lacks counts as no rows there
select
    {% for column in group_columns -%}
    coalesce(here.col_{{ loop.index }}, there.col_{{ loop.index }}) as col_{{ loop.index }},
    {% endfor -%}
    here.row_count,
    there.row_count as compare_row_count
from here
full outer join there
    on {% for column in group_columns -%}
    here.col_{{ loop.index }} = there.col_{{ loop.index }}{{ ' and ' if not loop.last }}
    {%- else -%}
    true
    {%- endfor %}
where coalesce(here.row_count, 0) <> coalesce(there.row_count, 0)

{% endtest %}
