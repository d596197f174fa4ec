{% test unique_combination_of_columns(model, combination_of_columns, quote_columns=false) %}

{%- set key = [] -%}
{%- for column in combination_of_columns -%}
    {%- do key.append(adapter.quote(column) if quote_columns else column) -%}
{%- endfor -%}
{%- set key = key | join(', ') %}

-- `group by` takes nulls as equal to each other, so a repeated null key is a repeated key
select
    {{ key }},
    count(*) as row_count
from {{ model }}
group by {{ key }}
having count(*) > 1

{% endtest %}
