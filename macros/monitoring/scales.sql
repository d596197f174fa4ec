{#- On the scale, deviations to both sides are alike: half is as far as double, and 1 % is as far from 2 % as 25 % from 29 %. -#}
{% macro scaled(value, scale) -%}
    case {{ scale }}
        when 'amount' then sign({{ value }}) * ln(1 + abs({{ value }}))
        when 'count' then ln(1 + greatest({{ value }}, 0))
        when 'ratio' then ln({{ value }})
        when 'share' then asin(sqrt({{ value }}))
        else {{ value }}
    end
{%- endmacro %}

{#- A range can be too wide for numeric(24, 4), so its ends are cut at e to the 40th. -#}
{% macro unscaled(value, scale) -%}
    case {{ scale }}
        when 'amount' then sign({{ value }}) * (exp(least(abs({{ value }}), 40)) - 1)
        when 'count' then exp(greatest(least({{ value }}, 40), 0)) - 1
        when 'ratio' then exp(greatest(least({{ value }}, 40), -40))
        when 'share' then sin(greatest(least({{ value }}, pi() / 2), 0)) ^ 2
        else {{ value }}
    end::numeric(24, 4)
{%- endmacro %}
