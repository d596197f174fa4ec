{#- A hash of the number of a line and of which of up to 63 values it has, whatever these are. -#}
{% macro hash_of_values(values) -%}
    hashint8extended(
        {%- for value in values %}
        case when {{ value }} is null then 0 else {{ 2 ** loop.index0 }}::bigint end{% if not loop.last %} +{% endif %}
        {%- endfor %},
        file_line
    )
{%- endmacro %}
