{#- `sales 2010 part 2.csv` and `sales_2010_pt1of2.csv` are parts of the exports `sales 2010` and `sales_2010`. -#}
{% macro export_name(file_name) -%}
    {%- if landing_rule("transactions", "deliveries", "whole") == "parts" -%}
        substring(lower({{ file_name }}) from '^(.*[^a-z])(?:part|pt)[ _.-]*[0-9]+')
    {%- else -%}
        null::text
    {%- endif -%}
{%- endmacro %}
