-- Readers of the next reports should learn today that the last days are unusual, and why.
{{ config(group='platform', severity='warn', meta={'threshold': ['anomaly_news_days']}) }}

with

-- Not materialized, so that an incremental build reads only the incidents that changed.
incidents as not materialized (

    select * from {{ ref('sales_incidents') }}

),

rated_days as (

    select max(date_day) as last_date from {{ ref('daily_anomalies') }}

),

final as (

    select incidents.*
    from incidents
    where
        incidents.severity = 'alarm'
        and incidents.status = 'open'
        {% if pg_wap.looks_at_changes_of('sales_incidents') -%}
        and {{ pg_wap.is_touched('sales_incidents', 'incidents.incident_key') }}
        {%- else -%}
        and incidents.last_date > (select rated_days.last_date from rated_days) - {{ var("anomaly_news_days") }}
        {%- endif %}

)

select * from final
