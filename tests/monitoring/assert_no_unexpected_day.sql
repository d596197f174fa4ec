-- Whoever reads of the last days tomorrow should hear today that they are out of the ordinary.
{%- set is_new = pg_wap.is_touched('daily_anomalies', 'rated_days.invoiced_on') %}
with

-- materialized, all days would be read where those that were touched will do
rated_days as not materialized (

    select * from {{ ref('daily_anomalies') }}

),

last_day as (

    select max(invoiced_on) as invoiced_on from rated_days

),

final as (

    select rated_days.*
    from rated_days
    where
        rated_days.is_anomaly
        {% if is_new == "true" -%}
        and rated_days.invoiced_on > (select last_day.invoiced_on from last_day) - {{ var("anomaly_news_days") }}
        {%- else -%}
        and {{ is_new }}
        {%- endif %}

)

select * from final
