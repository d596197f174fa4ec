{#- The shapes are tested first, because PostgreSQL also accepts 'now', 'today' and 'epoch', and silently drops an offset
    (`2010-12-01+05:00`). The most frequent shape comes first. -#}
{% macro safe_timestamp(expression, date_order=none, time_zone=none) -%}
    {%- set text = bracketed(expression) -%}
    case
        when {{ text }} is null
            then null
        when
            (
                {%- for between in " T" %}
                {%- for time in ["__:__:__", "__:__", "__:__:__.___", "__:__:__.______"] %}
                {{ text }} like '____-__-__{{ between }}{{ time }}' or
                {%- endfor %}
                {%- endfor %}
                {{ text }} like '____-__-__'
            )
            and pg_input_is_valid({{ text }}, 'timestamp')
            then {{ text }}::timestamp
        else (
            select
                case
                    when times.zone is null and pg_input_is_valid(times.value, 'timestamp')
                        then times.value::timestamp
                    {%- if time_zone %}
                    when times.zone is not null and pg_input_is_valid(times.value || times.zone, 'timestamptz')
                        then (times.value || times.zone)::timestamptz at time zone '{{ time_zone }}'
                    {%- endif %}
                end
            from {{ written_time(text, date_order) }} as times
        )
    end
{%- endmacro %}
