{{ config(
    unique_key='country_key',
    touched_by="select country_name from {{ pg_wap.changes_of('int_lines_classified') }} where country_name <> 'Unknown'",
    logged_columns=['country_name'],
    check_column='country_name',
) }}

with

countries as (

    select * from {{ ref('countries') }}
    where {{ pg_wap.only_touched('country_name') }}

),

-- materialized, all invoices would be read where some will do
invoices as not materialized (

    select * from {{ ref('int_invoices_summed') }}

),

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

    -- a country that lost lines: one invoice is enough for it to stay
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
        'Unknown' as standard_name,
        null::text as iso_alpha2,
        null::text as iso_alpha3,
        'Unknown' as region,
        null::text as currency_code,
        false as is_resolved

),

members as (

    -- a country that the seed does not know yet is a member all the same: facts never wait for reference data
    select
        {{ surrogate_key(['coalesce(countries.country_name, delivered.country_name)']) }} as country_key,
        coalesce(countries.country_name, delivered.country_name) as country_name,
        coalesce(countries.standard_name, delivered.country_name) as standard_name,
        countries.iso_alpha2,
        countries.iso_alpha3,
        coalesce(countries.region, 'Unknown') as region,
        countries.currency_code,
        countries.region is not null as is_resolved
    from countries
    full outer join delivered on countries.country_name = delivered.country_name

    union all

    select * from unknown_member
    where {{ pg_wap.only_touched('country_name') }}

),

final as (

    select
        country_key,
        country_name,

        standard_name,
        iso_alpha2,
        iso_alpha3,
        region,
        currency_code,
        is_resolved
    from members

)

select * from final
