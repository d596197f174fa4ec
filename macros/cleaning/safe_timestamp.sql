{#- The shapes come first: PostgreSQL would also take 'now', 'today' and 'epoch', and drop a time zone in silence. -#}
{% macro safe_timestamp(expression) -%}
    case
        when
            (
                {{ expression }} like '____-__-_____:__:__'
                or {{ expression }} like '____-__-_____:__'
                or {{ expression }} like '____-__-__'
                or {{ expression }} like '____-__-_____:__:__.___'
                or {{ expression }} like '____-__-_____:__:__.______'
            )
            and pg_input_is_valid({{ expression }}, 'timestamp')
            then {{ expression }}::timestamp
    end
{%- endmacro %}
