{% macro before_touched(days, column="invoiced_on") -%}
    {{ return(column ~ " >= (select min(invoiced_on) - " ~ days ~ " from " ~ touched_keys() ~ ")" if is_delta() else "true") }}
{%- endmacro %}
