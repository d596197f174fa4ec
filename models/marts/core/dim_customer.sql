{{ config(
    unique_key='customer_key',
    touched_by={
        'int_customer_versions': 'customer_id',
        'int_invoices_summed': 'customer_id',
        'int_customer_months': 'customer_id',
    },
    logged_columns=['customer_id', 'customer_key'],
    check_column='customer_id',
    indexes=[{'columns': ['customer_id']}],
) }}

with

known_versions as (

    {{ known_versions(
        pg_wap.snapshot_or_source(ref('snp_customer_versions'), ref('int_customer_versions')),
        'customer_id',
        ['country_name', 'segment'],
        more=pg_wap.only_touched('customer_id', after='and'),
    ) | indent }}

),

customer_invoices as (

    select * from {{ ref('int_invoices_summed') }}
    where customer_id is not null {{ pg_wap.only_touched('customer_id', after='and') }}

),

customer_months as (

    select * from {{ ref('int_customer_months') }}
    {{ pg_wap.only_touched('customer_id', after='where') }}

),

first_purchases as (

    select
        customer_id,
        min(invoiced_on) as first_purchase_date
    from customer_invoices
    where line_type = 'sale'
    group by customer_id

),

last_month as (

    select max(month_end) as month_end from {{ ref('int_customer_months') }}

),

latest_months as (

    -- The months of each customer continue to the last closed month.
    select
        customer_months.customer_id,
        {{ rfm_band_key(
            'customer_months.recency_score', 'customer_months.frequency_score', 'customer_months.monetary_score'
        ) }} as rfm_band_key
    from customer_months
    inner join last_month on customer_months.month_end = last_month.month_end

),

countries as (

    select * from {{ ref('countries') }}

),

named_versions as (

    select
        known_versions.*,
        coalesce(countries.standard_name, known_versions.country_name) as standard_country_name
    from known_versions
    left join countries on known_versions.country_name = countries.country_name

),

neighbours as (

    select
        *,
        lag(standard_country_name) over in_order as country_name_before,
        lag(segment) over in_order as segment_before,
        first_value(standard_country_name) over in_order as first_country_name,
        last_value(standard_country_name) over all_versions as current_country_name,
        last_value(segment) over all_versions as current_segment
    from named_versions
    window
        in_order as (partition by customer_id order by valid_from),
        all_versions as (in_order rows between unbounded preceding and unbounded following)

),

moves as (

    select
        *,
        count(*) filter (where standard_country_name <> country_name_before) over in_order as country_run,
        count(*) filter (where segment <> segment_before) over in_order as segment_run
    from neighbours
    window in_order as (partition by customer_id order by valid_from)

),

versions as (

    -- In a run of equal values, only the first version follows a different value.
    select
        *,
        max(country_name_before) filter (where standard_country_name <> country_name_before)
            over (partition by customer_id, country_run) as previous_country_name,
        max(segment_before) filter (where segment <> segment_before)
            over (partition by customer_id, segment_run) as previous_segment
    from moves

),

unknown_member as (

    select
        -1 as customer_key,
        -1 as customer_durable_key,
        null::integer as customer_id,
        'Unknown' as country_name,
        'Unknown' as delivered_country_name,
        'Unknown' as segment,
        null::date as first_purchase_date,
        'Unknown' as first_country_name,
        null::text as previous_country_name,
        null::text as previous_segment,
        'Unknown' as current_country_name,
        'Unknown' as current_segment,
        -1 as current_rfm_band_key,
        '0001-01-01'::date as valid_from,
        {{ end_of_time() }} as valid_to

),

members as (

    select
        {{ surrogate_key(['versions.customer_id', "to_char(versions.valid_from, 'YYYYMMDD')"]) }} as customer_key,
        {{ surrogate_key(['versions.customer_id']) }} as customer_durable_key,
        versions.customer_id,
        versions.standard_country_name as country_name,
        versions.country_name as delivered_country_name,
        versions.segment,
        first_purchases.first_purchase_date,
        versions.first_country_name,
        versions.previous_country_name,
        versions.previous_segment,
        versions.current_country_name,
        versions.current_segment,
        coalesce(latest_months.rfm_band_key, 0) as current_rfm_band_key,
        versions.valid_from,
        versions.valid_to
    from versions
    left join first_purchases on versions.customer_id = first_purchases.customer_id
    left join latest_months on versions.customer_id = latest_months.customer_id

    union all

    select * from unknown_member
    {{ pg_wap.only_touched('customer_id', after='where') }}

),

final as (

    select
        customer_key,
        customer_durable_key,
        customer_id,
        country_name,
        delivered_country_name,
        segment,

        first_purchase_date,
        first_country_name,
        previous_country_name,
        previous_segment,
        current_country_name,
        current_segment,
        current_rfm_band_key,
        valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from members

)

select * from final
