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

masked as (

    select
        *,
        regexp_replace(email, '^(.)[^@]*@(.).*(\.[^.@]+)$', '\1***@\2***\3') as masked_email,
        substring(postcode from '^([A-Z]{1,2}|[0-9]{2})') as postcode_area,
        extract(year from valid_from)::integer - birth_year as years_since_birth
    from profiles

),

final as (

    select
        customer_profile_key,
        customer_durable_key,
        -- A text that the mask does not fit is not shown at all.
        case when masked_email like '_***@_***.%' then masked_email end as masked_email,
        postcode_area,
        case
            when years_since_birth < 25 then 'under 25'
            when years_since_birth < 35 then '25 to 34'
            when years_since_birth < 45 then '35 to 44'
            when years_since_birth < 55 then '45 to 54'
            when years_since_birth < 65 then '55 to 64'
            when years_since_birth >= 65 then '65 and over'
        end as age_band,
        has_marketing_consent,
        valid_from,
        valid_to,
        is_current
    from masked

)

select * from final
