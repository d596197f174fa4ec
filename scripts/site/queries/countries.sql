-- The region of each country.
select
    country_name,
    region
from {gold}.dim_country
order by country_name
