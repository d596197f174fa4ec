{#- A failure is the table, or a group, whose number of rows lies outside the bounds. -#}
{% test expect_table_row_count_to_be_between(
    model, min_value=none, max_value=none, group_by=none, row_condition=none, strictly=false
) %}

{%- if min_value is none and max_value is none -%}
    {{ exceptions.raise_compiler_error("expect_table_row_count_to_be_between: give min_value, max_value or both") }}
{%- endif -%}
{%- set equal = "=" if strictly else "" %}

select {{ ((group_by or []) + ["count(*) as row_count"]) | join(", ") }}
from {{ model }}
{{ "where " ~ row_condition if row_condition }}
{{ "group by " ~ group_by | join(", ") if group_by }}
having
    false
    {{ "or count(*) <" ~ equal ~ " " ~ min_value if min_value is not none }}
    {{ "or count(*) >" ~ equal ~ " " ~ max_value if max_value is not none }}

{% endtest %}
