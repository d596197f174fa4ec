{{ config(
    unique_key='country_key',
    touched_by="
        select
            {{ surrogate_key(['country_name']) }} as country_key,
            country_name
        from {{ pg_wap.changes_of('int_lines_classified') }}
        where country_name <> 'Unknown'
    ",
    logged_columns=['country_key'],
    check_column='country_key',
) }}

with

countries as (

    select * from {{ ref('countries') }}
    {{ pg_wap.only_touched('country_name', after='where') }}

),

-- Not materialized, because an incremental build needs only some of the invoices.
invoices as not materialized (

    select * from {{ ref('int_invoices_summed') }}

),

{# An incremental build looks up the countries of changed invoices, 4 ms for a day on a million lines. A scan of all
    invoices takes 45 ms and grows with the history. -#}
{% if pg_wap.is_delta() -%}
delivered_now as (

    select distinct country_name
    from invoices
    where invoice_number in (select invoice_number from {{ pg_wap.changes_of('int_lines_classified') }})

),

delivered as (

    select country_name
    from delivered_now
    where country_name <> 'Unknown'

    union all

    -- A country that lost lines stays if one invoice remains.
    select touched_countries.country_name
    from {{ pg_wap.touched_keys() }} as touched_countries
    cross join lateral (
        select from invoices
        where invoices.country_name = touched_countries.country_name
        limit 1
    ) as remaining
    where touched_countries.country_name not in (select country_name from delivered_now)

),
{%- else -%}
delivered as (

    select distinct country_name
    from invoices
    where country_name <> 'Unknown'

),
{%- endif %}

unknown_member as (

    select
        -1 as country_key,
        'Unknown' as country_name,
        'Unknown' as delivered_country_name,
        null::text as iso_alpha2,
        null::text as iso_alpha3,
        'Unknown' as region,
        null::text as local_currency_code,
        false as is_resolved

),

members as (

    -- A country that is missing in the seed is still a member, because facts must not wait for reference data.
    select
        {{ surrogate_key(['coalesce(countries.country_name, delivered.country_name)']) }} as country_key,
        coalesce(countries.standard_name, delivered.country_name) as country_name,
        coalesce(countries.country_name, delivered.country_name) as delivered_country_name,
        countries.iso_alpha2,
        countries.iso_alpha3,
        coalesce(countries.region, 'Unknown') as region,
        countries.currency_code as local_currency_code,
        countries.region is not null as is_resolved
    from countries
    full outer join delivered on countries.country_name = delivered.country_name

    union all

    select * from unknown_member
    {{ pg_wap.only_touched('country_name', after='where') }}

),

final as (

    select
        country_key,
        country_name,
        delivered_country_name,

        iso_alpha2,
        iso_alpha3,
        region,
        local_currency_code,
        is_resolved,

        -- Old names, removed in the next version.
        country_name as standard_name,
        local_currency_code as currency_code
    from members

)

select * from final
