{#- By an array, for which the planner uses the index on customers. -#}
{% macro only_customers_to_measure(after) -%}
    {%- if pg_wap.is_delta() -%}
        {{ after }} customer_id = any(array(select distinct customer_id from {{ pg_wap.touched_keys() }} where is_measured))
    {%- endif -%}
{%- endmacro %}
