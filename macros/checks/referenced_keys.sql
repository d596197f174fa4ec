{#- Of a month, dimensions are looked up by the keys that it names: each row on its own would be, or all of a dimension read, which grows. -#}
{% macro referenced_keys(reference, name, are_some_partitions) -%}
    select {{ reference.to_column }} as {{ name }} from {{ reference.to }}
    {%- if are_some_partitions and reference.grows %}
    where {{ reference.to_column }} in (select given.{{ reference.column }} from given)
    {{ compute_once() }}
    {%- endif %}
{%- endmacro %}
