{#- Money is exact or in quarantine, so a value that the cast would round is refused. The comparison takes twice as long as the
    cast; only the few texts with more decimals than the scale need it. -#}
{% macro safe_decimal(expression, precision, scale) -%}
    {%- set type = "numeric(" ~ precision ~ ", " ~ scale ~ ")" -%}
    case
        {%- for text in [bracketed(expression), clean_text(expression)] %}
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
