-- Each release and rollback, the newest first.
select
    release_id,
    kind,
    rolled_back,
    taken_back_by,
    is_published,
    built_command,
    git_commit,
    files,
    last_file_id,
    checks_passed,
    checks_warned,
    published_at,
    published_until,
    last_landed_at
from {audit}.ops_releases
order by release_id desc
