{#- The comparison refuses a value that the cast would round: money is exact or in quarantine. -#}
{% macro safe_decimal(expression, precision, scale) -%}
    {%- set type = "numeric(" ~ precision ~ ", " ~ scale ~ ")" -%}
    case
        when
            ltrim({{ expression }}, '-.0123456789') = ''
            and pg_input_is_valid({{ expression }}, '{{ type }}')
            and {{ expression }}::{{ type }} = {{ expression }}::numeric
            then {{ expression }}::{{ type }}
    end
{%- endmacro %}
