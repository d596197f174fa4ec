{{ config(
    unique_key='customer_profile_key',
    logged_columns=['customer_id'],
    check_column='customer_id',
    indexes=[{'columns': ['customer_id']}],
    post_hook=[
        '{{ show_profiles_in_clear() }}',
        '{{ give_rights(this) }}',
    ],
) }}

with

master_rows as (

    select
        *,
        jsonb_build_array(
            full_name, email, phone, address, postcode, birth_year, has_marketing_consent, registered_at
        ) as profile
    from {{ ref('stg_retail__customers') }}
    where is_usable

),

entries as (

    -- Of the rows for one day, the row that was recorded last counts, whichever file brought it. Of rows that were
    -- recorded at the same time, the text decides, so the order of landing never does.
    select distinct on (customer_id, effective_on)
        customer_id,
        effective_on,
        full_name,
        email,
        phone,
        address,
        postcode,
        birth_year,
        has_marketing_consent,
        registered_at,
        value_issues,
        profile
    from master_rows
    order by
        customer_id asc,
        effective_on asc,
        recorded_at desc,
        profile::text collate "C" asc,
        value_issues collate "C" asc

),

entries_in_order as (

    select
        *,
        lag(profile) over (partition by customer_id order by effective_on) as profile_before
    from entries

),

versions as (

    select
        *,
        lead(effective_on, 1, {{ end_of_time() }}) over (partition by customer_id order by effective_on) as valid_to
    from entries_in_order
    where profile is distinct from profile_before

),

final as (

    select
        {{ surrogate_key(['customer_id', "to_char(effective_on, 'YYYYMMDD')"]) }} as customer_profile_key,
        {{ surrogate_key(['customer_id']) }} as customer_durable_key,
        customer_id,

        full_name,
        email,
        phone,
        address,
        postcode,
        birth_year,
        -- A consent that nobody can read is no consent.
        coalesce(has_marketing_consent, false) as has_marketing_consent,
        registered_at,
        value_issues,

        effective_on as valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from versions

)

select * from final
