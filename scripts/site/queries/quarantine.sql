-- Rows in quarantine by reason, file and time of their first appearance. Only counts: what a row holds stays in silver.
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
order by source, lines desc, file_name, quarantine_reasons
