{% macro stock_code_family(stock_code) -%}
    case when {{ bracketed(stock_code) }} like 'GIFT\_0001\_%' then 'GIFT' else {{ stock_code }} end
{%- endmacro %}
