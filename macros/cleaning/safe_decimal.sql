{#- Money is exact or in quarantine, so a value that the cast would round is refused. The comparison takes twice as long as the
    cast; only the few texts with more decimals than the scale need it. -#}
{% macro safe_decimal(expression, precision, scale, decimal_mark=none) -%}
    {%- set type = "numeric(" ~ precision ~ ", " ~ scale ~ ")" -%}
    {%- set text = bracketed(expression) -%}
    case
        when {{ text }} is null
            then null
        when
            ltrim({{ text }}, '-.0123456789') = ''
            and pg_input_is_valid({{ text }}, '{{ type }}')
            {%- if decimal_mark %}
            and coalesce({{ decimal_mark }}, '.') <> ','
            {%- endif %}
            and (
                {{ text }} not like '%.{{ "_" * (scale + 1) }}%'
                or {{ text }}::{{ type }} = {{ text }}::numeric
            )
            then {{ text }}::{{ type }}
        else (
            select numbers.value::{{ type }}
            from {{ written_number(text, decimal_mark) }} as numbers
            where numbers.value = round(numbers.value, {{ scale }}) and pg_input_is_valid(numbers.value::text, '{{ type }}')
        )
    end
{%- endmacro %}
