with

countries as (

    select * from {{ ref('countries') }}

),

lines as (

    select * from {{ ref('int_lines_classified') }}

),

delivered as (

    select distinct country_name
    from lines
    where country_name <> 'Unknown'

),

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
