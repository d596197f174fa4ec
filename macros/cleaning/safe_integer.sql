{#- `ltrim` with a set of characters is the cheapest test for other characters: 0.1 microseconds per value. Without the test,
    '0x1F' and '1_000' would count as integers (PostgreSQL 16 and newer). Only texts that fail are read as a person reads them. -#}
{% macro safe_integer(expression, decimal_mark=none) -%}
    {%- set text = bracketed(expression) -%}
    coalesce(
        case ltrim({{ text }}, '-0123456789')
            when ''
                then case when pg_input_is_valid({{ text }}, 'integer') then {{ text }}::integer end
            when '.0'
                then case when pg_input_is_valid(left({{ text }}, -2), 'integer') then left({{ text }}, -2)::integer end
        end,
        case
            when {{ text }} is not null
                then (
                    select numbers.value::integer
                    from {{ written_number(text, decimal_mark) }} as numbers
                    where
                        numbers.value = trunc(numbers.value)
                        and pg_input_is_valid(trunc(numbers.value)::text, 'integer')
                        -- `1.000` may be a thousand.
                        and {{ "(" ~ decimal_mark ~ " is not null or " if decimal_mark }}scale(numbers.value) <> 3{{ ")" if decimal_mark }}
                )
        end
    )
{%- endmacro %}
