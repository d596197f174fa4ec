{{ config(
    materialized='stable_view',
    post_hook=[
        '{{ hide_rows_from_functions() }}',
        '{{ give_rights(this) }}',
    ],
) }}

with

profiles as (

    select * from {{ ref('dim_customer_profile') }}

),

final as (

    -- The last version decides, and it must have begun: a consent for next month is none, and a consent that ends next
    -- month has ended.
    select
        customer_durable_key,
        full_name,
        email,
        phone,
        address,
        postcode,
        birth_year,
        valid_from
    from profiles
    where has_marketing_consent and is_current and valid_from <= current_date

)

select * from final
