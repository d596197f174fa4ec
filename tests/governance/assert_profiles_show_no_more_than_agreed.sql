-- Roles read these views in place of the profiles: what a view lets through, everyone with the role has seen.
{{ config(group='platform', severity='error') }}

with

profiles as (

    select * from {{ ref('dim_customer_profile') }}

),

consenting as (

    select * from {{ ref('customers_with_consent') }}

),

masked as (

    select * from {{ ref('customer_profiles_masked') }}

),

final as (

    select
        consenting.customer_durable_key,
        'marketing sees a customer who has not agreed' as problem
    from consenting
    where
        not exists (
            select 1
            from profiles
            where
                profiles.customer_durable_key = consenting.customer_durable_key
                and profiles.is_current
                and profiles.has_marketing_consent
        )

    union all

    select
        masked.customer_durable_key,
        'analysts see more of an e-mail address than two letters and its end' as problem
    from masked
    where masked.masked_email !~ '^.[*]{3}@.[*]{3}[.][^.@]+$'

)

select * from final
