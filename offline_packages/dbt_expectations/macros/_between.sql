{% macro _between(expression, min_value=none, max_value=none, strictly=false) %}

{%- if min_value is none and max_value is none -%}
    {{ exceptions.raise_compiler_error('dbt_expectations: give min_value, max_value or both') }}
{%- endif -%}
{%- set or_equal = '' if strictly else '=' -%}
{%- set bounds = [] -%}
{%- if min_value is not none -%}
    {%- do bounds.append(expression ~ ' >' ~ or_equal ~ ' ' ~ min_value) -%}
{%- endif -%}
{%- if max_value is not none -%}
    {%- do bounds.append(expression ~ ' <' ~ or_equal ~ ' ' ~ max_value) -%}
{%- endif -%}
{{ return('(' ~ bounds | join(' and ') ~ ')') }}

{% endmacro %}
