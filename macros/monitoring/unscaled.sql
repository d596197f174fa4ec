{#- A range may be so wide that its end is no number that anybody would write: 40 is e to the 40th. -#}
{% macro unscaled(value, scale) -%}
    case {{ scale }}
        when 'amount' then sign({{ value }}) * (exp(least(abs({{ value }}), 40)) - 1)
        when 'count' then exp(greatest(least({{ value }}, 40), 0)) - 1
        when 'ratio' then exp(greatest(least({{ value }}, 40), -40))
        when 'share' then sin(greatest(least({{ value }}, pi() / 2), 0)) ^ 2
        else {{ value }}
    end::numeric(24, 4)
{%- endmacro %}
