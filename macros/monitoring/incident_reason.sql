{#- Of the columns cause, direction, main_measure, observed, expected and expected_high. -#}
{% macro incident_reason() -%}
    case
        when cause = 'missing_day'
            then format('No lines, where about %s are usual', to_char(expected, 'FM999,999,990'))
        when cause = 'unexpected_day'
            then format('%s lines on a day without trade', to_char(observed, 'FM999,999,990'))
        when cause = 'silent_country'
            then format('No lines for %s trading days; up to %s are usual', observed::integer, expected_high::integer)
        when cause = 'prices' and observed >= 3 * expected
            then format('Prices are %s times as high as usual', round(observed / expected))
        when cause = 'prices' and expected >= 3 * observed
            then format('Prices are 1/%s of what is usual', round(expected / nullif(observed, 0)))
        when cause = 'prices'
            then format(
                'Prices are %s %% %s than usual',
                abs(round(100 * (observed / expected - 1))),
                case direction when 'low' then 'lower' else 'higher' end
            )
        when main_measure = 'share_without_customer'
            then format(
                '%s %% of the lines are without a customer; %s %% are usual', round(100 * observed), round(100 * expected)
            )
        when cause = 'repeated_lines'
            then format(
                'A product is on %s lines on average, where %s are usual%s',
                round(observed, 1),
                round(expected, 1),
                case direction when 'high' then ': lines may have arrived twice' end
            )
        when cause = 'hours'
            then format(
                'The last line is of %s, where %s is usual',
                to_char(make_interval(secs => 3600 * observed::double precision), 'HH24:MI'),
                to_char(make_interval(secs => 3600 * expected::double precision), 'HH24:MI')
            )
        when main_measure = 'largest_amount'
            then format(
                'One line is of %s, where the largest is usually of %s',
                to_char(observed, 'FM999,999,990'),
                to_char(expected, 'FM999,999,990')
            )
        else
            format(
                '%s: %s, where %s is usual',
                case main_measure
                    when 'gross_amount' then 'Sales'
                    when 'net_amount' then 'Net amount'
                    when 'products' then 'Different products'
                    when 'customers' then 'Customers'
                    else 'Lines'
                end,
                to_char(observed, 'FM999,999,990'), to_char(expected, 'FM999,999,990')
            )
    end
{%- endmacro %}
