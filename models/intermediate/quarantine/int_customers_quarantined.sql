{{ config(
    schema='profiles',
    alias='quarantined_customers',
    unique_key=['file_id', 'file_line'],
    logged_columns=['file_id'],
    check_column='file_id',
) }}

{{ quarantined_rows('customers', [
    'customer_id',
    'name',
    'email',
    'phone',
    'address',
    'postcode',
    'birth_year',
    'marketing_consent',
    'registered_at',
    'effective_date',
    'recorded_at',
]) }}
