{#- A subquery of two columns: a date and time as people and spreadsheets write it, rearranged to ISO 8601 (`value`), and its offset
    from UTC (`zone`). A year of four digits in front needs no order. The fence keeps the pattern from being evaluated at each use. -#}
{% macro written_time(text, date_order=none) -%}
    (
        select
            case
                when length(parts[1]) = 4 and length(parts[4]) <= 2
                    then concat(parts[1], '-', parts[3], '-', parts[4])
                {%- if date_order %}
                when length(parts[1]) = 2 and {{ date_order }} = 'ymd' and length(parts[4]) <= 2
                    then concat('20', parts[1], '-', parts[3], '-', parts[4])
                when length(parts[1]) <= 2 and {{ date_order }} in ('mdy', 'dmy') and length(parts[4]) in (2, 4)
                    then concat(
                        case when length(parts[4]) = 2 then '20' end, parts[4], '-',
                        case {{ date_order }} when 'mdy' then parts[1] else parts[3] end, '-',
                        case {{ date_order }} when 'mdy' then parts[3] else parts[1] end
                    )
                {%- endif %}
            end
            || coalesce(' ' || parts[5] || ':' || parts[6] || coalesce(':' || parts[7], '') || coalesce(' ' || parts[8] || 'm', ''), '')
                as value,
            replace(parts[9], 'Z', '+00') as zone
        from regexp_match(
            {{ clean_text(text) }},
            '^([0-9]{1,2}|[0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2}|[0-9]{4})'
            || '(?:[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:[.][0-9]{1,6})?))?(?: ?([AaPp])[.]?[Mm][.]?)?'
            || ' ?(Z|[-+][0-9]{2}(?::?[0-9]{2})?)?)?$'
        ) as parts
        {{ pg_wap.optimization_fence() }}
    )
{%- endmacro %}
