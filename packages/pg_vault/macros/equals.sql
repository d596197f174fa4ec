{#- Rows of two relations that differ, with equal rows counted as often as they are there. -#}
{% test equals(model, other) %}
    {%- set sides = {"missing": [other, model], "unexpected": [model, other]} -%}
    {%- for problem, relations in sides.items() %}
    select '{{ problem }}' as problem, differing.*
    from (select * from {{ relations[0] }} except all select * from {{ relations[1] }}) as differing
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{% endtest %}
