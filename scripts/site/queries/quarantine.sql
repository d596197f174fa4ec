-- Rows in quarantine by reason, file and time of their first appearance. Only counts: what a row holds stays in silver and
-- profiles. Of customers, the file is left out as well.
select
    'transactions' as source,
    file_name,
    quarantine_reasons,
    first_seen_at,
    count(*)::integer as lines
from {silver}.quarantined_lines
group by file_name, quarantine_reasons, first_seen_at

union all

select
    'products' as source,
    file_name,
    quarantine_reasons,
    first_seen_at,
    count(*)::integer as lines
from {silver}.quarantined_products
group by file_name, quarantine_reasons, first_seen_at

union all

select
    'customers' as source,
    null as file_name,
    quarantine_reasons,
    first_seen_at,
    count(*)::integer as lines
from {profiles}.quarantined_customers
group by quarantine_reasons, first_seen_at
order by source, lines desc, file_name, quarantine_reasons
