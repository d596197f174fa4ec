{% macro before_touched(days) -%}
    {{ return("invoiced_on >= (select min(invoiced_on) - " ~ days ~ " from " ~ touched_keys() ~ ")" if is_delta() else "true") }}
{%- endmacro %}
