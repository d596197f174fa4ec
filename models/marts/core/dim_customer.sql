with

known_versions as (

    select *
    from {{ ref('snp_customer_versions') }}
    where dbt_valid_to is null

),

customer_invoices as (

    select * from {{ ref('int_customer_invoices') }}

),

first_purchases as (

    select
        customer_id,
        min(invoiced_on) as first_purchase_date
    from customer_invoices
    where is_purchase
    group by customer_id

),

versions as (

    select
        customer_id,
        country_name,
        valid_from,
        lead(valid_from, 1, {{ end_of_time() }}) over (partition by customer_id order by valid_from) as valid_to
    from known_versions

),

unknown_member as (

    select
        -1 as customer_key,
        null::integer as customer_id,
        'Unknown' as country_name,
        null::date as first_purchase_date,
        '0001-01-01'::date as valid_from,
        {{ end_of_time() }} as valid_to

),

members as (

    select
        {{ surrogate_key(['versions.customer_id', "to_char(versions.valid_from, 'YYYYMMDD')"]) }} as customer_key,
        versions.customer_id,
        versions.country_name,
        first_purchases.first_purchase_date,
        versions.valid_from,
        versions.valid_to
    from versions
    left join first_purchases on versions.customer_id = first_purchases.customer_id

    union all

    select * from unknown_member

),

final as (

    select
        customer_key,
        customer_id,

        country_name,
        first_purchase_date,

        valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from members

)

select * from final
