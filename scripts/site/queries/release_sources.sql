-- When the latest file of each source that a release holds had landed.
select
    releases.release_id,
    files.source,
    max(files.landed_at) as last_landed_at,
    count(*)::integer as files,
    sum(files.rows_loaded)::bigint as rows_loaded
from {audit}.ops_releases as releases
inner join {bronze}.landed_files as files on files.file_id <= releases.last_file_id
group by releases.release_id, files.source
order by releases.release_id, files.source
