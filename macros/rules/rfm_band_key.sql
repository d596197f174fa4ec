{% macro rfm_band_key(recency_score, frequency_score, monetary_score) -%}
    coalesce(100 * {{ recency_score }} + 10 * {{ frequency_score }} + {{ monetary_score }}, 0)
{%- endmacro %}
