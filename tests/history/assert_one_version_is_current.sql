-- Reports on the present join on is_current: a key without a current version disappears, a key with two counts twice.
{{ config(group='platform', severity='error') }}

with

versions as (

    select
        'customer' as dimension,
        customer_id::text as durable_key,
        is_current
    from {{ pg_wap.touched_rows(ref('dim_customer')) }}

    union all

    select
        'product' as dimension,
        stock_code as durable_key,
        is_current
    from {{ pg_wap.touched_rows(ref('dim_product')) }}

),

final as (

    select
        dimension,
        durable_key,
        count(*) filter (where is_current) as current_versions
    from versions
    group by dimension, durable_key
    having count(*) filter (where is_current) <> 1

)

select * from final
