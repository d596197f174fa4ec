with

customers as (

    select * from {{ ref('hub_customer') }}

),

points as (

    select * from {{ ref('pit_customer') }}

),

customer_versions as (

    select * from {{ pg_vault.current_readings(ref('csat_customer_version')) }} as readings

),

customer_ratings as (

    select * from {{ pg_vault.current_readings(ref('csat_customer_rfm')) }} as readings

),

country_readings as (

    select * from {{ pg_vault.current_readings(ref('sat_country')) }} as readings

),

sales as (

    select * from {{ ref('bridge_sales') }}
    where line_type = 'sale' and customer_id is not null

),

versions_in_time as (

    -- The point-in-time table knows when a version held, and which row of the satellite describes it.
    select
        customer_hk,
        csat_customer_version_applied_at as valid_from
    from points
    where csat_customer_version_applied_at is not null
    group by customer_hk, csat_customer_version_applied_at

),

named_versions as (

    select
        versions_in_time.customer_hk,
        versions_in_time.valid_from,
        lead(versions_in_time.valid_from, 1, {{ end_of_time() }}) over in_order as valid_to,
        customers.customer_id,
        customer_versions.country_name as delivered_country_name,
        customer_versions.segment,
        coalesce(country_readings.standard_name, customer_versions.country_name) as country_name
    from versions_in_time
    inner join customers on versions_in_time.customer_hk = customers.customer_hk
    inner join customer_versions
        on
            versions_in_time.customer_hk = customer_versions.customer_hk
            and versions_in_time.valid_from = customer_versions.applied_at
    left join country_readings
        on {{ surrogate_key(['customer_versions.country_name']) }} = country_readings.country_hk
    window in_order as (partition by versions_in_time.customer_hk order by versions_in_time.valid_from)

),

first_purchases as (

    select
        customer_id,
        min(applied_at)::date as first_purchase_date
    from sales
    group by customer_id

),

latest_ratings as (

    select
        customer_hk,
        {{ rfm_band_key('recency_score', 'frequency_score', 'monetary_score') }} as rfm_band_key
    from customer_ratings
    where applied_at = (select max(last_ratings.applied_at) from customer_ratings as last_ratings)

),

neighbours as (

    select
        *,
        lag(country_name) over in_order as country_name_before,
        lag(segment) over in_order as segment_before,
        first_value(country_name) over in_order as first_country_name,
        last_value(country_name) over all_versions as current_country_name,
        last_value(segment) over all_versions as current_segment
    from named_versions
    window
        in_order as (partition by customer_hk order by valid_from),
        all_versions as (in_order rows between unbounded preceding and unbounded following)

),

moves as (

    select
        *,
        count(*) filter (where country_name <> country_name_before) over in_order as country_run,
        count(*) filter (where segment <> segment_before) over in_order as segment_run
    from neighbours
    window in_order as (partition by customer_hk order by valid_from)

),

versions as (

    select
        *,
        max(country_name_before) filter (where country_name <> country_name_before)
            over (partition by customer_hk, country_run) as previous_country_name,
        max(segment_before) filter (where segment <> segment_before)
            over (partition by customer_hk, segment_run) as previous_segment
    from moves

),

final as (

    select
        {{ surrogate_key(['versions.customer_id', "to_char(versions.valid_from, 'YYYYMMDD')"]) }} as customer_key,
        versions.customer_hk as customer_durable_key,
        versions.customer_id,
        versions.country_name,
        versions.delivered_country_name,
        versions.segment,

        first_purchases.first_purchase_date,
        versions.first_country_name,
        versions.previous_country_name,
        versions.previous_segment,
        versions.current_country_name,
        versions.current_segment,
        coalesce(latest_ratings.rfm_band_key, 0) as current_rfm_band_key,
        versions.valid_from,
        versions.valid_to,
        versions.valid_to = {{ end_of_time() }} as is_current
    from versions
    left join first_purchases on versions.customer_id = first_purchases.customer_id
    left join latest_ratings on versions.customer_hk = latest_ratings.customer_hk

    union all

    -- The unknown member.
    select
        -1 as customer_key,
        -1 as customer_durable_key,
        null as customer_id,
        'Unknown' as country_name,
        'Unknown' as delivered_country_name,
        'Unknown' as segment,

        null as first_purchase_date,
        'Unknown' as first_country_name,
        null as previous_country_name,
        null as previous_segment,
        'Unknown' as current_country_name,
        'Unknown' as current_segment,
        -1 as current_rfm_band_key,
        '0001-01-01' as valid_from,
        {{ end_of_time() }} as valid_to,
        true as is_current

)

select * from final
