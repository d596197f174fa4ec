-- What each day brought and was expected to bring, of the countries and measures that are rated. Numbers, as only the
-- chart reads them.
select
    date_day,
    country_name,
    measure,
    is_anomaly,
    kind,
    round(observed, 2) as observed,
    round(expected_low, 2) as expected_low,
    round(expected, 2) as expected,
    round(expected_high, 2) as expected_high,
    score
from {gold}.daily_anomalies
order by measure, country_name, date_day
