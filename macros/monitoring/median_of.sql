{% macro median_of(numbers) -%}
    (
        select percentile_cont(0.5) within group (order by numbers.number)
        from unnest({{ numbers }}) as numbers (number)
    )
{%- endmacro %}
