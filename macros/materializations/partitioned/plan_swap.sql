{#- What the swap has to change, given the partitions to build and the names of those that did not come out empty. -#}
{% macro plan_swap(touched, filled, state, decisions) -%}
    {%- set names, ranges = [], [] -%}
    {%- for partition in touched -%}
        {%- do names.append(partition.name) -%}
        {%- do ranges.append([partition.start | string, partition.end | string]) -%}
    {%- endfor -%}
    {{ return({
        "is_full": decisions.is_full,
        "is_new": decisions.is_new,
        "built": touched | selectattr("name", "in", filled) | list,
        "empty": touched | rejectattr("name", "in", filled) | list,
        "gone": state.partitions if decisions.is_full else state.partitions | selectattr("name", "in", names) | list,
        "ranges": ranges,
    }) }}
{%- endmacro %}
