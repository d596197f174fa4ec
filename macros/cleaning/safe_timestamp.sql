{#- The shapes are tested first, because PostgreSQL also accepts 'now', 'today' and 'epoch', and silently drops a time zone. -#}
{% macro safe_timestamp(expression) -%}
    case
        {%- for text in [bracketed(expression), clean_text(expression)] %}
        when
            (
                {{ text }} like '____-__-_____:__:__'
                or {{ text }} like '____-__-_____:__'
                or {{ text }} like '____-__-__'
                or {{ text }} like '____-__-_____:__:__.___'
                or {{ text }} like '____-__-_____:__:__.______'
            )
            and pg_input_is_valid({{ text }}, 'timestamp')
            then {{ text }}::timestamp
        {%- endfor %}
    end
{%- endmacro %}
