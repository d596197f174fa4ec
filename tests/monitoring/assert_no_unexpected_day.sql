-- Readers of the next reports should learn today that the last days are unusual.
{{ config(group='platform', severity='warn', meta={'threshold': ['anomaly_news_days']}) }}

with

-- Not materialized, so that an incremental build reads only the touched days.
rated_days as not materialized (

    select * from {{ ref('daily_anomalies') }}

),

last_day as (

    select max(date_day) as date_day from rated_days

),

final as (

    select rated_days.*
    from rated_days
    where
        rated_days.is_anomaly
        {% if pg_wap.looks_at_changes_of('daily_anomalies') -%}
        and {{ pg_wap.is_touched('daily_anomalies', 'rated_days.date_day') }}
        {%- else -%}
        and rated_days.date_day > (select last_day.date_day from last_day) - {{ var("anomaly_news_days") }}
        {%- endif %}

)

select * from final
