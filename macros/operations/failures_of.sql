{% macro failures_of(results) -%}
    {%- set bad = [] -%}
    {%- for result in results if result.status not in ["success", "pass", "warn", "no-op"] -%}
        {%- do bad.append(result) -%}
    {%- endfor -%}
    {{ return(bad) }}
{%- endmacro %}
