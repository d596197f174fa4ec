{#- 53 bits of md5, all that a double holds exactly; null if any part is. -#}
{% macro hash_key(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns %}{% do parts.append("(" ~ column ~ ")::text") %}{% endfor -%}
    ('x' || md5({{ parts | join(" || '|' || ") }}))::bit(53)::bigint
{%- endmacro %}
