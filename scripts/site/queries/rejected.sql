-- Rows that could not be read, by file and reason, and files that were refused as a whole.
select
    files.name,
    rejected.reason,
    files.landed_at as seen_at,
    count(*)::integer as rows,
    min(rejected.line) as first_line,
    false as is_file
from {bronze}.rejected_rows as rejected
inner join {bronze}.landed_files as files on rejected.file_id = files.file_id
group by files.name, rejected.reason, files.landed_at

union all

select
    name,
    reason,
    refused_at as seen_at,
    null::integer as rows,
    null::integer as first_line,
    true as is_file
from {bronze}.refused_files
order by is_file desc, rows desc, name, reason
