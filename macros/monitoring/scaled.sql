{#- Deviations to both sides are alike on the scale: half is as far as double, and 1 % in 2 % as far as 25 % in 29 %. -#}
{% macro scaled(value, scale) -%}
    case {{ scale }}
        when 'amount' then sign({{ value }}) * ln(1 + abs({{ value }}))
        when 'count' then ln(1 + greatest({{ value }}, 0))
        when 'ratio' then ln({{ value }})
        when 'share' then asin(sqrt({{ value }}))
        else {{ value }}
    end
{%- endmacro %}
