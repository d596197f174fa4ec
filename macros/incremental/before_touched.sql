{% macro before_touched(days, column="invoiced_on") -%}
    {{ return(
        column ~ " >= (select min(invoiced_on) - " ~ days ~ " from " ~ pg_wap.touched_keys() ~ ")" if pg_wap.is_delta() else "true"
    ) }}
{%- endmacro %}
