with

countries as (

    select * from {{ ref('hub_country') }}

),

country_spellings as (

    select * from {{ ref('int_country_spellings') }}

),

resolved as (

    -- The same rule as in int_lines_classified.
    select
        countries.country_text,
        coalesce(
            exact_spellings.country_name, loose_spellings.country_name, initcap(countries.country_text)
        ) as country_name
    from countries
    left join country_spellings as exact_spellings
        on lower(countries.country_text) = exact_spellings.spelling and not exact_spellings.is_loose
    left join country_spellings as loose_spellings
        on {{ loosely_spelled('countries.country_text') }} = loose_spellings.spelling and loose_spellings.is_loose

),

final as (

    select
        country_text,
        country_name,

        {{ surrogate_key(['country_name']) }} as same_as_country_hk
    from resolved

)

select * from final
