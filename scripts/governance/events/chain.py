"""Verify the chain of `audit.events`: each row holds the hash of the row before.

The query is here and not in the database, where a superuser could replace a function that verifies.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import TupleRow, class_row

from scripts.errors import Refusal

EXISTS = "select to_regclass('audit.events') is not null"
# The same JSON as in audit.event_hash. A number that is missing shows as a row whose number does not follow.
BROKEN = """
    with

    chained as (

        select
            *,
            lag(event_id, 1, 0::bigint) over (order by event_id) as event_before,
            lag(hash, 1, repeat('0', 64)) over (order by event_id) as hash_before,
            encode(sha256(convert_to(jsonb_build_array(
                event_id, (extract(epoch from recorded_at) * 1000000)::bigint, recorded_by, kind, subject, details,
                previous_hash
            )::text, 'UTF8')), 'hex') as expected_hash
        from audit.events

    )

    select
        event_id,
        case
            when event_id <> event_before + 1 and event_before + 1 = event_id - 1
                then format('event %s is missing', event_id - 1)
            when event_id <> event_before + 1
                then format('events %s to %s are missing', event_before + 1, event_id - 1)
            when hash <> expected_hash
                then format('event %s was edited, or inserted by hand', event_id)
            else format('event %s does not continue event %s, which was replaced', event_id, event_before)
        end as problem
    from chained
    where event_id <> event_before + 1 or hash <> expected_hash or previous_hash <> hash_before
    order by event_id
    limit 10
"""
# What the log should know and does not: rows of the ledger and of the releases that differ from their events.
UNRECORDED_FILES = """
    select format('file %s landed, and no event says so', file_id)
    from bronze.landed_files
    where file_id > coalesce((
        select max((details ->> 'last_file_id')::integer) from audit.events where kind = 'landing'
    ), 0)
    order by file_id
    limit 10
"""
CHANGED_RELEASES = """
    select format(
        case when releases.release_id is null then 'release %s was removed from audit.releases'
        else 'release %s is not what its event says' end,
        events.details ->> 'release_id'
    )
    from audit.events
    left join audit.releases on (events.details ->> 'release_id')::bigint = releases.release_id
    where
        events.kind in ('release', 'rollback')
        and (releases.release_id is null or not to_jsonb(releases) @> events.details)
    order by events.event_id
    limit 10
"""
UNRECORDED_RELEASES = """
    select format('release %s has no event', release_id)
    from audit.releases
    where
        release_id > (
            select min((details ->> 'release_id')::bigint) from audit.events where kind in ('release', 'rollback')
        )
        and release_id not in (
            select (details ->> 'release_id')::bigint from audit.events where kind in ('release', 'rollback')
        )
    order by release_id
    limit 10
"""
LAST = """
    select event_id, recorded_at, recorded_by, kind, subject, details, hash
    from audit.events
    order by event_id desc
    limit %s
"""
OWNER = """
    select
        pg_get_userbyid(relowner) as owner,
        (
            select relowner <> to_regrole('retail_audit_owner') or nspowner <> relowner
            from pg_namespace
            where oid = relnamespace
        ) is distinct from false as is_unprotected,
        not exists (
            select from pg_trigger where tgrelid = pg_class.oid and tgname = 'append_only' and tgenabled in ('O', 'A')
        ) as may_change
    from pg_class
    where oid = 'audit.events'::regclass
"""


class Event(NamedTuple):
    """A row of the log."""

    event_id: int
    recorded_at: Any
    recorded_by: str
    kind: str
    subject: str
    details: dict[str, Any]
    hash: str


class Anchor(NamedTuple):
    """The end of the log at some time, kept outside of the database."""

    event_id: int
    hash: str


def refuse_without_log(connection: psycopg.Connection[TupleRow]) -> None:
    """Refuse a warehouse that has no log.

    Raises:
        Refusal: it has none.
    """
    if connection.execute(EXISTS).fetchone() != (True,):
        raise Refusal("this warehouse has no log of events: run `make build`, or `make migrate` if it holds data.")


def problems(connection: psycopg.Connection[TupleRow], anchors: Iterable[Anchor]) -> list[str]:
    """Return what is wrong with the log, one line each; an empty list if it is as it was written.

    Args:
        connection: in a transaction, of a user who may read the log, the ledger and the releases.
        anchors: ends of the log that were noted before.
    """
    # The times in the events of releases are text.
    connection.execute("set local time zone 'UTC'")
    found = [problem for _, problem in connection.execute(BROKEN)]
    hashes: dict[int, str] = dict(connection.execute("select event_id, hash from audit.events").fetchall())
    last = max(hashes, default=0)
    for anchor in anchors:
        if anchor.event_id > last:
            found.append(
                f"the log ends at event {last}, but an anchor names event {anchor.event_id}: its end was cut, or the "
                "warehouse was restored from an older backup"
            )
        elif hashes.get(anchor.event_id) not in (None, anchor.hash):
            found.append(
                f"event {anchor.event_id} has another hash than its anchor: the log was written again, or belongs to "
                "another warehouse"
            )
    queries = [UNRECORDED_FILES] if _is_there(connection, "bronze.landed_files") else []
    queries += [CHANGED_RELEASES, UNRECORDED_RELEASES] if _is_there(connection, "audit.releases") else []
    return found + [problem for query in queries for (problem,) in connection.execute(query)]


def warnings(connection: psycopg.Connection[TupleRow]) -> list[str]:
    """Return what makes it easier to change the log than it should be."""
    owner, is_unprotected, may_change = connection.execute(OWNER).fetchall()[0]
    found = []
    if is_unprotected:
        found.append(f"the log belongs to {owner}, who can change it: run `make migrate` as a superuser")
    if may_change:
        found.append(
            "the trigger append_only is off: `alter table audit.events enable trigger append_only` as a superuser"
        )
    return found


def last(connection: psycopg.Connection[TupleRow], number: int) -> list[Event]:
    """Return the last events, the newest first."""
    return connection.cursor(row_factory=class_row(Event)).execute(LAST, [number]).fetchall()


def read_anchors(file: Path) -> list[Anchor]:
    """Return the anchors of a file, one JSON object a line; none if there is no such file yet.

    Raises:
        Refusal: the file holds something else.
    """
    anchors = []
    for number, line in enumerate(file.read_text().splitlines() if file.exists() else [], 1):
        try:
            given = json.loads(line)
            anchors.append(Anchor(int(given["event_id"]), str(given["hash"])))
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal(
                f"{file}: line {number} is no anchor: give the file that `make audit ANCHOR=...` wrote."
            ) from error
    return anchors


def add_anchor(file: Path, event: Event) -> None:
    """Append the end of the log to a file, if it is not its last line already."""
    anchors = read_anchors(file)
    if not anchors or anchors[-1] != Anchor(event.event_id, event.hash):
        with file.open("a") as lines:
            lines.write(
                json.dumps({"event_id": event.event_id, "hash": event.hash, "recorded_at": str(event.recorded_at)})
                + "\n"
            )


def _is_there(connection: psycopg.Connection[TupleRow], table: str) -> bool:
    return connection.execute("select to_regclass(%s) is not null", [table]).fetchone() == (True,)
