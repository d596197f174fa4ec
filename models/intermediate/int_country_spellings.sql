{{ config(
    unique_key=['spelling', 'is_loose'],
    check_column='spelling',
) }}

with

countries as (

    select * from {{ ref('countries') }}

),

country_spellings as (

    select * from {{ ref('country_spellings') }}

),

spellings as (

    select
        country_name as spelling,
        country_name,
        1 as place
    from countries

    union all

    -- A till may also print the usual name of a country that has another name in the shop's system.
    select
        standard_name as spelling,
        country_name,
        2 as place
    from countries

    union all

    select
        spelling,
        country_name,
        3 as place
    from country_spellings

    union all

    select
        codes.spelling,
        countries.country_name,
        4 as place
    from countries
    cross join lateral (values (countries.iso_alpha2), (countries.iso_alpha3)) as codes (spelling)
    where codes.spelling is not null

),

compared as (

    select
        lower(spelling) as spelling,
        false as is_loose,
        country_name,
        place
    from spellings

    union all

    select
        {{ loosely_spelled('spelling') }} as spelling,
        true as is_loose,
        country_name,
        place
    from spellings

),

final as (

    -- One country for each spelling, or a line would be doubled.
    select distinct on (spelling, is_loose)
        spelling,
        is_loose,

        country_name
    from compared
    order by spelling, is_loose, place, country_name

)

select * from final
