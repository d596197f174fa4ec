{% macro bracketed(expression) -%}
    {{ expression if modules.re.fullmatch("[A-Za-z0-9_.]+", expression) else "(" ~ expression ~ ")" }}
{%- endmacro %}
