"""The evidence of a release: who approved its code, who built it, which checks passed, from which files."""

import subprocess
from typing import Any

import psycopg
from psycopg.rows import TupleRow, dict_row

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

RELEASE = """
    select event_id, recorded_at, recorded_by, kind, details, hash
    from audit.events
    where kind in ('release', 'rollback') and details ->> 'release_id' = %s
"""
# A rollback is a release with a number of its own.
LAST = """
    select max((details ->> 'release_id')::bigint)
    from audit.events
    where kind in ('release', 'rollback')
"""
FILES = """
    select file_id, name, sha256, rows_loaded, rows_rejected, landed_at
    from bronze.landed_files
    where file_id <= %s
    order by file_id
"""
LANDINGS = """
    select event_id, recorded_at, recorded_by, details
    from audit.events
    where kind = 'landing' and (details ->> 'first_file_id')::integer <= %s
    order by event_id
"""
# Separated by a control character, which no name holds.
COMMIT = "%H%x1f%an <%ae>%x1f%cI%x1f%s%x1f%(trailers:key=Reviewed-by,valueonly,separator=%x1e)"


def of_release(connection: psycopg.Connection[TupleRow], release: int | None) -> dict[str, Any]:
    """Return the evidence of a release.

    Args:
        connection: may read the log and the ledger.
        release: its number; None stands for the last one.

    Raises:
        Refusal: the log has no event of it.
    """
    if release is None:
        ((release,),) = connection.execute(LAST).fetchall()
    if release is None:
        raise Refusal("the log has no release yet: run `make build`.")
    cursor = connection.cursor(row_factory=dict_row)
    event = cursor.execute(RELEASE, [str(release)]).fetchone()
    if event is None:
        raise Refusal(f"release {release} has no event: `make published` shows the present one.")
    details = event["details"]
    last_file = details.get("last_file_id") or 0
    return {
        "release": release,
        "kind": event["kind"],
        "event_id": event["event_id"],
        "hash": event["hash"],
        "released_by": event["recorded_by"],
        "released_at": event["recorded_at"],
        "rolled_back": details.get("rolled_back"),
        "code": commit(details.get("git_commit")),
        "checks_passed": details["checks_passed"],
        "checks_warned": details["checks_warned"],
        "changed_models": details["changed_models"],
        "files": cursor.execute(FILES, [last_file]).fetchall(),
        "landings": cursor.execute(LANDINGS, [last_file]).fetchall(),
    }


def commit(name: str | None) -> dict[str, Any]:
    """Return author and reviewers of a commit, and what keeps it from being approved by four eyes.

    Args:
        name: as the release recorded it, `-dirty` at the end if files differed from the commit.
    """
    if not name:
        return {"commit": None, "remarks": ["the release names no commit"]}
    remarks = ["files differed from the commit, so what ran was not reviewed"] if name.endswith("-dirty") else []
    command = ["git", "log", "-1", f"--format={COMMIT}", name.removesuffix("-dirty"), "--"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"commit": name, "remarks": [*remarks, "the commit is not in this repository: run `git fetch`"]}
    found, author, committed_at, subject, trailers = done.stdout.rstrip("\n").split("\x1f")
    reviewers = [reviewer for reviewer in trailers.split("\x1e") if reviewer]
    if not reviewers:
        remarks.append("no reviewer: the commit has no trailer Reviewed-by")
    elif all(reviewer == author for reviewer in reviewers):
        remarks.append("the author is the only reviewer")
    return {
        "commit": found,
        "subject": subject,
        "author": author,
        "committed_at": committed_at,
        "reviewed_by": reviewers,
        "remarks": remarks,
    }
