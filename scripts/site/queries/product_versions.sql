-- Versions of products and when they were known, up to the present release. If there are more rows than the page should hold,
-- those with corrections come first, then those with most versions.
with

shown as (

    select known_until at time zone 'utc' as known_until from {audit}.releases order by release_id desc limit 1

),

known as (

    select
        versions.stock_code,
        versions.description,
        versions.product_class,
        versions.categories,
        versions.price_band,
        versions.valid_from,
        versions.dbt_valid_from::text as known_from,
        case when versions.dbt_valid_to <= shown.known_until then versions.dbt_valid_to::text end as known_to
    from {history}.snp_product_versions as versions
    inner join shown on versions.dbt_valid_from <= shown.known_until

),

sizes as (

    select
        stock_code,
        count(*) as rows,
        count(known_to) as corrections
    from known
    group by stock_code

),

ranked as (

    select
        stock_code,
        sum(rows) over (order by corrections > 0 desc, rows desc, stock_code) as rows_so_far
    from sizes

)

select
    known.stock_code,
    known.description,
    known.product_class,
    known.categories,
    known.price_band,
    known.valid_from,
    known.known_from,
    known.known_to
from known
inner join ranked on known.stock_code = ranked.stock_code
where ranked.rows_so_far <= 60000
order by known.stock_code, known.valid_from, known.known_from
