{#- A subquery of one column, `value`: a number as people and spreadsheets write it. If the mark of decimals is a comma, points and
    commas change places first, so one pattern reads both. A comma between thousands counts only if the file has proved its mark. The
    fence keeps the pattern from being evaluated at each use. -#}
{% macro written_number(text, decimal_mark=none) -%}
    {%- set cleaned = clean_text(text) -%}
    {%- set currency = "(?:" ~ (var("currency_marks") | join("|")) ~ ")" -%}
    (
        select
            case
                when
                    parts is not null
                    and num_nonnulls(parts[1], parts[2], parts[3], parts[7]) <= 1
                    and (parts[1] is null) = (parts[8] is null)
                    then (
                        case when coalesce(parts[1], parts[2], parts[3], parts[7], '+') <> '+' then '-' else '' end
                        || translate(coalesce(parts[4], ''), ' ,''’', '')
                        || '.' || coalesce(parts[5], '') || 'e' || coalesce(parts[6], '0')
                    )::numeric
            end as value
        from regexp_match(
            {% if decimal_mark -%}
            case when {{ decimal_mark }} = ',' then translate({{ cleaned }}, '.,', ',.') else {{ cleaned }} end,
            {%- else -%}
            {{ cleaned }},
            {%- endif %}
            '^([(])? ?([-+−])? ?{{ currency }}? ?([-+−])? ?(?=[.]?[0-9])'
            || '([0-9]+|[1-9][0-9]{0,2}(?: [0-9]{3})+|[1-9][0-9]{0,2}(?:[''’][0-9]{3})+'
            {% if decimal_mark -%}
            || case when {{ decimal_mark }} is null then '' else '|[1-9][0-9]{0,2}(?:,[0-9]{3})+' end
            {%- endif %}
            || ')?(?:[.]([0-9]*))?(?:[eE]([-+]?[0-9]{1,2}))? ?{{ currency }}? ?([-−])?([)])?$'
        ) as parts
        {{ pg_wap.optimization_fence() }}
    )
{%- endmacro %}
