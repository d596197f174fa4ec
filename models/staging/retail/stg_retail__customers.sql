{{ config(schema='profiles') }}

with

delivered_rows as (

    select * from {{ source('retail', 'customers') }}

),

files as (

    select * from {{ ref('stg_retail__landed_files') }}

),

cleaned as (

    select
        delivered_rows._file_id as file_id,
        delivered_rows._line as file_line,
        files.date_order,
        {{ clean_text('delivered_rows.customer_id') }} as customer_id_text,
        {{ clean_text('delivered_rows.name') }} as full_name,
        lower({{ clean_text('delivered_rows.email') }}) as email_text,
        {{ clean_text('delivered_rows.phone') }} as phone_text,
        {{ clean_text('delivered_rows.address') }} as address,
        upper({{ clean_text('delivered_rows.postcode') }}) as postcode,
        {{ clean_text('delivered_rows.birth_year') }} as birth_year_text,
        lower({{ clean_text('delivered_rows.marketing_consent') }}) as consent_text,
        {{ clean_text('delivered_rows.registered_at') }} as registered_at_text,
        {{ clean_text('delivered_rows.effective_date') }} as effective_date_text,
        {{ clean_text('delivered_rows.recorded_at') }} as recorded_at_text,
        {{ is_cell_error('delivered_rows.customer_id') }}
        or {{ is_cell_error('delivered_rows.name') }}
        or {{ is_cell_error('delivered_rows.email') }}
        or {{ is_cell_error('delivered_rows.marketing_consent') }}
        or {{ is_cell_error('delivered_rows.effective_date') }}
        or {{ is_cell_error('delivered_rows.recorded_at') }} as has_cell_error
    from delivered_rows
    left join files on delivered_rows._file_id = files.file_id
    -- Each text is cleaned and typed once, not again for each reason: 0.15 s for 1,908 rows instead of 0.86 s.
    {{ pg_wap.optimization_fence() }}

),

typed as (

    -- What cannot be read of a person becomes null. The rest of the row still counts, above all a withdrawn consent.
    select
        *,
        {{ safe_integer('customer_id_text') }} as customer_id,
        case when email_text ~ '^[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+$' then email_text end as email,
        case
            when phone_text ~ '^[+]?[0-9 ()./-]+$' and phone_text ~ '([^0-9]*[0-9]){6}'
                then regexp_replace(phone_text, '[^+0-9]', '', 'g')
        end as phone,
        {{ safe_integer('birth_year_text') }} as written_birth_year,
        case
            when consent_text in ('yes', 'y', 'true', '1') then true
            when consent_text in ('no', 'n', 'false', '0') then false
        end as has_marketing_consent,
        {{ safe_timestamp('registered_at_text', 'date_order') }} as registered_at,
        {{ safe_date('effective_date_text', date_order='date_order') }} as effective_on,
        {{ safe_timestamp('recorded_at_text', 'date_order') }} as recorded_at
    from cleaned
    {{ pg_wap.optimization_fence() }}

),

bounded as (

    select
        *,
        case
            when written_birth_year between 1900 and extract(year from '{{ var("calendar_end") }}'::date)
                then written_birth_year
        end as birth_year
    from typed

),

judged as (

    select
        *,
        {{ quarantine_reasons({
            'error_in_cell': 'has_cell_error',
            'customer_id_missing': 'customer_id_text is null',
            'customer_id_not_an_integer': 'customer_id is null and customer_id_text is not null',
            'effective_date_not_a_date': 'effective_on is null',
            'effective_date_out_of_range': "effective_on > '" ~ var("calendar_end") ~ "'::date",
            'recorded_at_not_a_timestamp': 'recorded_at is null',
        }) }} as quarantine_reasons,
        {{ quarantine_reasons({
            'email_invalid': 'email is null and email_text is not null',
            'phone_invalid': 'phone is null and phone_text is not null',
            'birth_year_impossible': 'birth_year is null and birth_year_text is not null',
            'consent_unreadable': 'has_marketing_consent is null and consent_text is not null',
            'registered_at_not_a_timestamp': 'registered_at is null and registered_at_text is not null',
        }) }} as value_issues
    from bounded

),

final as (

    select
        file_id,
        file_line,

        customer_id,
        effective_on,
        recorded_at,

        full_name,
        email,
        phone,
        address,
        postcode,
        birth_year,
        has_marketing_consent,
        registered_at,
        value_issues,

        quarantine_reasons = '' as is_usable,
        quarantine_reasons
    from judged

)

select * from final
