{#- The comparison refuses a value that the cast would round: money is exact or in quarantine. -#}
{% macro safe_decimal(expression, precision, scale) -%}
    {%- set type = "numeric(" ~ precision ~ ", " ~ scale ~ ")" -%}
    case
        {%- for text in [expression, clean_text(expression)] %}
        when
            ltrim({{ text }}, '-.0123456789') = ''
            and pg_input_is_valid({{ text }}, '{{ type }}')
            and {{ text }}::{{ type }} = {{ text }}::numeric
            then {{ text }}::{{ type }}
        {%- endfor %}
    end
{%- endmacro %}
