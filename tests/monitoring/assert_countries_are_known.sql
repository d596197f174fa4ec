-- A new spelling of a known country splits the country's totals, and a new country lacks region and codes.
{{ config(group='platform', severity='warn') }}

with

countries as (

    select * from {{ ref('dim_country') }}
    where country_key <> -1

),

country_spellings as (

    select * from {{ ref('country_spellings') }}

),

known_names as (

    select
        country_name as spelling,
        delivered_country_name as country_name
    from countries
    where is_resolved

    union all

    select
        spelling,
        country_name
    from country_spellings

),

-- Names are alike by their pairs of neighbouring letters: twice the common pairs, divided by all pairs (Dice).
letters as (

    select
        delivered_country_name as spelling,
        delivered_country_name as country_name,
        false as is_known,
        {{ loosely_spelled('delivered_country_name') }} as letters
    from countries
    where not is_resolved

    union all

    select
        spelling,
        country_name,
        true as is_known,
        {{ loosely_spelled('spelling') }} as letters
    from known_names

),

pairs as (

    select distinct
        letters.spelling,
        letters.country_name,
        letters.is_known,
        substr(letters.letters, places.place, 2) as pair
    from letters
    cross join lateral generate_series(1, length(letters.letters) - 1) as places (place)

),

unknown_pairs as (

    select
        country_name as delivered_country_name,
        pair
    from pairs
    where not is_known

),

known_pairs as (

    select
        spelling,
        country_name,
        pair
    from pairs
    where is_known

),

unknown_sizes as (

    select
        delivered_country_name,
        count(*) as pairs
    from unknown_pairs
    group by delivered_country_name

),

known_sizes as (

    select
        spelling,
        country_name,
        count(*) as pairs
    from known_pairs
    group by spelling, country_name

),

likenesses as (

    select
        unknown_pairs.delivered_country_name,
        known_pairs.spelling,
        known_pairs.country_name,
        count(*) as common_pairs
    from unknown_pairs
    inner join known_pairs on unknown_pairs.pair = known_pairs.pair
    group by unknown_pairs.delivered_country_name, known_pairs.spelling, known_pairs.country_name

),

nearest as (

    select distinct on (likenesses.delivered_country_name)
        likenesses.delivered_country_name,
        likenesses.country_name as nearest_country_name,
        round(2.0 * likenesses.common_pairs / (unknown_sizes.pairs + known_sizes.pairs), 2) as likeness
    from likenesses
    inner join unknown_sizes on likenesses.delivered_country_name = unknown_sizes.delivered_country_name
    inner join known_sizes
        on likenesses.spelling = known_sizes.spelling and likenesses.country_name = known_sizes.country_name
    order by
        likenesses.delivered_country_name asc,
        round(2.0 * likenesses.common_pairs / (unknown_sizes.pairs + known_sizes.pairs), 2) desc,
        likenesses.country_name asc

),

final as (

    select
        countries.delivered_country_name,
        nearest.nearest_country_name,
        nearest.likeness,
        'add the spelling to seeds/country_spellings.csv, or the country to seeds/countries.csv' as remedy
    from countries
    left join nearest on countries.delivered_country_name = nearest.delivered_country_name
    where not countries.is_resolved

)

select * from final
