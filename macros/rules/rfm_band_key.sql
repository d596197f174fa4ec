{% macro rfm_band_key(recency_score, frequency_score, monetary_score) -%}
    coalesce(100 * {{ bracketed(recency_score) }} + 10 * {{ bracketed(frequency_score) }} + {{ bracketed(monetary_score) }}, 0)
{%- endmacro %}
