{#- 128 bits as uuid, 16 bytes. The text of a row quotes its values, so no two rows have the same text. -#}
{% macro hash_of(columns) -%}
    md5(row({{ columns | join(", ") }})::text)::uuid
{%- endmacro %}
