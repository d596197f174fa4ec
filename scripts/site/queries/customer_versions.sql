-- Versions of customers and when they were known, up to the present release. If there are more rows than the page should hold,
-- those with corrections come first, then those with most versions.
with

shown as (

    select known_until at time zone 'utc' as known_until from {audit}.releases order by release_id desc limit 1

),

known as (

    select
        versions.customer_id,
        coalesce(countries.standard_name, versions.country_name) as country_name,
        versions.segment,
        versions.valid_from,
        versions.dbt_valid_from::text as known_from,
        case when versions.dbt_valid_to <= shown.known_until then versions.dbt_valid_to::text end as known_to
    from {history}.snp_customer_versions as versions
    inner join shown on versions.dbt_valid_from <= shown.known_until
    left join {silver}.countries as countries on versions.country_name = countries.country_name

),

sizes as (

    select
        customer_id,
        count(*) as rows,
        count(known_to) as corrections
    from known
    group by customer_id

),

ranked as (

    select
        customer_id,
        sum(rows) over (order by corrections > 0 desc, rows desc, customer_id) as rows_so_far
    from sizes

)

select
    known.customer_id,
    known.country_name,
    known.segment,
    known.valid_from,
    known.known_from,
    known.known_to
from known
inner join ranked on known.customer_id = ranked.customer_id
where ranked.rows_so_far <= 150000
order by known.customer_id, known.valid_from, known.known_from
