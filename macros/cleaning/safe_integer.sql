{#- `ltrim` with a set of characters is the cheapest test for other characters: 0.1 microseconds per value. Without the test,
    '0x1F' and '1_000' would count as integers (PostgreSQL 16 and newer). Only texts that fail are cleaned and tested again,
    because cleaning takes as long as all the rest. -#}
{% macro safe_integer(expression) -%}
    coalesce(
        {%- for text in [bracketed(expression), clean_text(expression)] %}
        case ltrim({{ text }}, '-0123456789')
            when ''
                then case when pg_input_is_valid({{ text }}, 'integer') then {{ text }}::integer end
            when '.0'
                then case when pg_input_is_valid(left({{ text }}, -2), 'integer') then left({{ text }}, -2)::integer end
        end
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    )
{%- endmacro %}
