{#- 53 bits are all that a double holds exactly. md5 takes 0.3 microseconds per row longer than hashtextextended, but is the same on every
    version and platform. -#}
{% macro surrogate_key(expressions) -%}
    ('x' || md5(
        {%- for expression in expressions %}{{ bracketed(expression) }}::text{% if not loop.last %} || '|' || {% endif %}{% endfor -%}
    ))::bit(53)::bigint
{%- endmacro %}
