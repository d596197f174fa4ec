-- How many customers and products have versions that were known by the present release, for those that the page leaves out.
with

shown as (

    select known_until at time zone 'utc' as known_until from {audit}.releases order by release_id desc limit 1

)

select
    'customer' as kind,
    count(distinct versions.customer_id) as keys,
    count(*) as rows
from {history}.snp_customer_versions as versions
inner join shown on versions.dbt_valid_from <= shown.known_until
union all
select
    'product',
    count(distinct versions.stock_code),
    count(*)
from {history}.snp_product_versions as versions
inner join shown on versions.dbt_valid_from <= shown.known_until
