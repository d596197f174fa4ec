-- The last 200 runs of dbt that wrote something: when, by whom, how long, with which result.
select
    invocation_id,
    command,
    git_commit,
    run_by,
    is_full_refresh,
    started_at,
    ended_at,
    extract(epoch from ended_at - started_at) as seconds,
    status,
    release_id,
    files
from {audit}.runs
order by started_at desc
limit 200
