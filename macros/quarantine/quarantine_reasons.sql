{#- One text, because unit tests of dbt cannot compare arrays, and BI tools show them badly. -#}
{% macro quarantine_reasons(conditions) -%}
    concat_ws(
        ', ',
        {%- for reason, condition in conditions.items() %}
        case when {{ condition }} then '{{ reason }}' end{{ "," if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
