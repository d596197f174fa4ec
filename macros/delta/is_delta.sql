{% macro is_delta() -%}
    {{ return(execute and not should_full_refresh() and load_relation(this) is not none) }}
{%- endmacro %}
