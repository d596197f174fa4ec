{#- A value that the cast would round is refused: money is exact or in quarantine. Few texts have more digits after the point than
    the scale; only of these is the value compared, which takes twice as long as the cast. -#}
{% macro safe_decimal(expression, precision, scale) -%}
    {%- set type = "numeric(" ~ precision ~ ", " ~ scale ~ ")" -%}
    case
        {%- for text in [expression, clean_text(expression)] %}
        when
            ltrim({{ text }}, '-.0123456789') = ''
            and pg_input_is_valid({{ text }}, '{{ type }}')
            and (
                {{ text }} not like '%.{{ "_" * (scale + 1) }}%'
                or {{ text }}::{{ type }} = {{ text }}::numeric
            )
            then {{ text }}::{{ type }}
        {%- endfor %}
    end
{%- endmacro %}
