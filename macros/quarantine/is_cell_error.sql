{#- Excel exports the error of a cell as its text, also to CSV. The first character is compared first: almost no value has it. -#}
{% macro is_cell_error(expression) -%}
    coalesce(
        left({{ expression }}, 1) = '#'
        and rtrim({{ expression }}) in (
            '#NULL!', '#DIV/0!', '#VALUE!', '#REF!', '#NAME?', '#NUM!', '#N/A', '#GETTING_DATA', '#SPILL!', '#CALC!'
        ),
        false
    )
{%- endmacro %}
