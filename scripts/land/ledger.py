"""The ledger: which contents have landed, under which number, and what was set aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow, class_row

from scripts.land.rows import Reject

# Held until the end of the transaction by whoever lands a file, whichever file it is. So files are committed
# in the order of their numbers, and a reader that has seen file 7 has seen all of 1 to 6: with a lock for each
# content only, file 7 could become visible before file 6, and whoever reads on from the last number misses it.
LANDING_LOCK = 0x6272_6F6E_7A65

NEXT_NUMBER = "select nextval(pg_get_serial_sequence('bronze.landed_files', 'file_id'))::integer"
CLAIM = f"{NEXT_NUMBER} where not exists (select from bronze.landed_files where bytes = %s)"
RECORD = """
    insert into bronze.landed_files (
        file_id, source, name, sha256, bytes, format, rows_read, rows_loaded, rows_rejected, started_at, landed_at
    ) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, now(), clock_timestamp())
"""
STATUS = """
    select file_id, source, name, bytes, format, rows_read, rows_loaded, rows_rejected, landed_at
    from bronze.landed_files
    order by file_id
"""


@dataclass(frozen=True)
class Entry:
    """A line to write into the ledger."""

    file_id: int
    source: str
    name: str
    sha256: str
    bytes: int
    format: str
    rows_loaded: int
    rejects: Sequence[Reject]


@dataclass(frozen=True)
class LandedFile:
    """A line of the ledger."""

    file_id: int
    source: str
    name: str
    bytes: int
    format: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    landed_at: datetime


def landed_sizes(connection: psycopg.Connection[TupleRow], sizes: Sequence[int]) -> set[int]:
    """Return those of the sizes, in bytes, of which some file has landed."""
    rows = connection.execute("select distinct bytes from bronze.landed_files where bytes = any(%s)", [list(sizes)])
    return {size for (size,) in rows.fetchall()}


def landed_name(connection: psycopg.Connection[TupleRow], sha256: str) -> str | None:
    """Return the name under which a content has landed, or None if it has not."""
    row = connection.execute("select name from bronze.landed_files where sha256 = %s", [sha256]).fetchone()
    return None if row is None else str(row[0])


def claim(connection: psycopg.Connection[TupleRow], size: int) -> int | None:
    """Wait for the turn to land a file, and take the next number if the file is certainly new.

    Args:
        connection: in the transaction that lands the file.
        size: the size of the file in bytes.

    Returns:
        The number, or None when a file of the same size has landed, so that the contents must be compared.
    """
    # Two statements, because the second must see what was committed while the first one waited.
    connection.execute("select pg_advisory_xact_lock(%s)", [LANDING_LOCK])
    row = connection.execute(CLAIM, [size]).fetchone()
    return None if row is None else int(row[0])


def next_number(connection: psycopg.Connection[TupleRow]) -> int:
    """Take the next number for a file of a known size but of new content, after `claim`."""
    (number,) = connection.execute(NEXT_NUMBER).fetchall()[0]
    return int(number)


def record(connection: psycopg.Connection[TupleRow], entry: Entry) -> None:
    """Write a landed file and its rejects into the ledger."""
    rejected = len(entry.rejects)
    connection.execute(
        RECORD,
        [
            entry.file_id,
            entry.source,
            entry.name,
            entry.sha256,
            entry.bytes,
            entry.format,
            entry.rows_loaded + rejected,
            entry.rows_loaded,
            rejected,
        ],
    )
    if entry.rejects:
        with connection.cursor().copy("copy bronze.rejected_rows (file_id, line, raw, reason) from stdin") as copy:
            for reject in entry.rejects:
                copy.write_row((entry.file_id, reject.line, reject.raw, reject.reason))


def make_durable(connection: psycopg.Connection[TupleRow]) -> None:
    """Wait until all that was committed so far is on disk.

    The log is written in order, so one synchronous commit that has anything to log takes all before it along.
    """
    with connection.transaction():
        connection.execute("set local synchronous_commit to on")
        connection.execute("select pg_logical_emit_message(true, 'land', '')")


def status(connection: psycopg.Connection[TupleRow]) -> list[LandedFile]:
    """Return the ledger; nothing when there is none yet."""
    row = connection.execute("select to_regclass('bronze.landed_files') is not null").fetchone()
    if row is None or not row[0]:
        return []
    return connection.cursor(row_factory=class_row(LandedFile)).execute(STATUS).fetchall()
