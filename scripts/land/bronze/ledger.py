"""The ledger of bronze: the landed contents, their numbers, and the rejected rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import click
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row

from scripts import locks
from scripts.land.rows import Reject

# Each transaction that lands a file holds this lock to its end. So files commit in the order of their numbers, and a
# reader that sees file 7 also sees files 1 to 6. With one lock for each content, file 7 could become visible before
# file 6, and a reader that continues from the last number would miss file 6.
LANDING_LOCK = 0x6272_6F6E_7A65
# The seconds to wait for one file of another loader. A large file takes minutes.
PATIENCE_SECONDS = 900.0

NEXT_NUMBER = "select nextval(pg_get_serial_sequence('bronze.landed_files', 'file_id'))::integer"
ALIKE = "select bytes, sha256, name from bronze.landed_files where bytes = any(%s)"
CLAIM = f"{NEXT_NUMBER} where not exists (select from bronze.landed_files where bytes = %s)"
RECORD = """
    insert into bronze.landed_files (
        file_id, source, name, sha256, bytes, format, header, reading, rows_read, rows_loaded, rows_rejected,
        started_at, landed_at
    ) values ({}, now(), clock_timestamp())
"""
# Fails with a division by zero if another loader holds the lock: whoever waits, asks again (scripts/locks.py).
LOCK_OR_FAIL = "select 1 / pg_try_advisory_xact_lock({})::integer"
# Fails with a division by zero unless the number is the next number and the content is new.
EXPECT = f"""
    select 1 / (
        ({NEXT_NUMBER}) = {{file_id}}
        and not exists (select from bronze.landed_files where sha256 = {{sha256}})
    )::integer
"""
INCOMPLETE = """
    select file_id, name, source, format, header, bytes
    from bronze.landed_files
    where rows_rejected > 0
    order by file_id
"""
REJECTS = "select line, raw, reason from bronze.rejected_rows where file_id = %s order by line"
REPLAYED = """
    update bronze.landed_files
    set rows_loaded = rows_loaded + %(rows)s, rows_rejected = rows_rejected - %(rows)s
    where file_id = %(file_id)s
"""
STATUS = """
    select file_id, source, name, bytes, format, rows_read, rows_loaded, rows_rejected, landed_at
    from bronze.landed_files
    order by file_id
"""


@dataclass(frozen=True)
class Entry:
    """A new line of the ledger."""

    file_id: int
    source: str
    name: str
    sha256: str
    bytes: int
    format: str
    header: Sequence[str] | None
    reading: Mapping[str, str] | None
    rows_loaded: int
    rejects: Sequence[Reject]


@dataclass(frozen=True)
class LandedFile:
    """An existing line of the ledger."""

    file_id: int
    source: str
    name: str
    bytes: int
    format: str
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    landed_at: datetime


class Known:
    """The landed contents whose size equals the size of a file at hand."""

    def __init__(self, connection: psycopg.Connection[TupleRow], sizes: Sequence[int]) -> None:
        self.sizes: set[int] = set()
        self._names: dict[str, str] = {}
        for size, sha256, name in connection.execute(ALIKE, [list(sizes)]):
            self.add(size, sha256, name)

    def add(self, size: int, sha256: str, name: str) -> None:
        """Add a file that has landed."""
        self.sizes.add(size)
        self._names[sha256] = name

    def forget(self, sha256: str) -> None:
        """Remove a file that did not land after all."""
        self._names.pop(sha256, None)

    def name_of(self, sha256: str) -> str | None:
        """Return the name of the landed file with this content, or None if none is known."""
        return self._names.get(sha256)


def landed_name(connection: psycopg.Connection[TupleRow], sha256: str) -> str | None:
    """Return the name of the landed file with this content, or None if there is none."""
    row = connection.execute("select name from bronze.landed_files where sha256 = %s", [sha256]).fetchone()
    return None if row is None else str(row[0])


def lock(connection: psycopg.Connection[TupleRow]) -> None:
    """Wait for the landing lock, and hold it to the end of the transaction.

    Args:
        connection: in a transaction that has done nothing yet.

    Raises:
        psycopg.errors.LockNotAvailable: another session holds the lock for too long.
    """
    locks.take(
        connection,
        LANDING_LOCK,
        what="the landing lock",
        patience=PATIENCE_SECONDS,
        say=lambda line: click.echo(line, err=True),
    )


def claim(connection: psycopg.Connection[TupleRow], size: int) -> int | None:
    """Wait for the landing lock, and take the next number if the file is certainly new.

    Args:
        connection: in the transaction that lands the file.
        size: the size of the file in bytes.

    Returns:
        The number, or None if a file of the same size has landed, so that the contents must be compared.
    """
    # Two statements, because the second must see what other loaders committed while the first waited.
    lock(connection)
    row = connection.execute(CLAIM, [size]).fetchone()
    return None if row is None else int(row[0])


def expecting(file_id: int, sha256: str) -> tuple[sql.Composed, sql.Composed]:
    """Return statements that take the landing lock, and fail unless it is free, and number and content are new.

    Args:
        file_id: the number that the file should get.
        sha256: the hash of its content.
    """
    check = sql.SQL(EXPECT).format(file_id=sql.Literal(file_id), sha256=sql.Literal(sha256))
    return sql.SQL(LOCK_OR_FAIL).format(sql.Literal(LANDING_LOCK)), check


def next_number(connection: psycopg.Connection[TupleRow]) -> int:
    """Take the next number, after `claim`, for a file with a known size but new content."""
    (number,) = connection.execute(NEXT_NUMBER).fetchall()[0]
    return int(number)


def recording(entry: Entry) -> sql.Composed:
    """Return the statement that records a landed file."""
    rejected = len(entry.rejects)
    values = [
        entry.file_id,
        entry.source,
        entry.name,
        entry.sha256,
        entry.bytes,
        entry.format,
        None if entry.header is None else json.dumps(list(entry.header)),
        None if entry.reading is None else json.dumps(entry.reading),
        entry.rows_loaded + rejected,
        entry.rows_loaded,
        rejected,
    ]
    return sql.SQL(RECORD).format(sql.SQL(", ").join(map(sql.Literal, values)))


def record(connection: psycopg.Connection[TupleRow], entry: Entry) -> None:
    """Record a landed file and its rejects."""
    connection.execute(recording(entry))
    if entry.rejects:
        with connection.cursor().copy("copy bronze.rejected_rows (file_id, line, raw, reason) from stdin") as copy:
            for reject in entry.rejects:
                copy.write_row((entry.file_id, reject.line, reject.raw, reject.reason))


def record_refusals(connection: psycopg.Connection[TupleRow], refusals: Sequence[tuple[str, str]]) -> None:
    """Record the files that did not land.

    Args:
        connection: in autocommit mode.
        refusals: the name of each file, with the reason.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany("insert into bronze.refused_files (name, reason) values (%s, %s)", refusals)


@dataclass(frozen=True)
class Incomplete:
    """A landed file with rejected rows."""

    file_id: int
    name: str
    source: str
    format: str
    header: Sequence[str] | None
    bytes: int


def incomplete(connection: psycopg.Connection[TupleRow]) -> list[Incomplete]:
    """Return the landed files with rejected rows."""
    return connection.cursor(row_factory=class_row(Incomplete)).execute(INCOMPLETE).fetchall()


def rejects_of(connection: psycopg.Connection[TupleRow], file_id: int) -> list[Reject]:
    """Wait for the landing lock, then return the rejected rows of a file.

    Args:
        connection: in the transaction that lands the rows.
        file_id: the number of the file.
    """
    lock(connection)
    return connection.cursor(row_factory=class_row(Reject)).execute(REJECTS, [file_id]).fetchall()


def record_replay(
    connection: psycopg.Connection[TupleRow], file_id: int, lines: Sequence[int], remaining: Sequence[Reject]
) -> None:
    """Record that rejected rows have landed, and update the reasons of the others.

    Args:
        connection: in the transaction that lands the rows.
        file_id: the number of the file.
        lines: the lines of the rows that have landed.
        remaining: the rows that are still rejected.
    """
    connection.execute("delete from bronze.rejected_rows where file_id = %s and line = any(%s)", [file_id, list(lines)])
    with connection.cursor() as cursor:
        cursor.executemany(
            "update bronze.rejected_rows set reason = %s where file_id = %s and line = %s and reason <> %s",
            [(reject.reason, file_id, reject.line, reject.reason) for reject in remaining],
        )
    connection.execute(REPLAYED, {"rows": len(lines), "file_id": file_id})


def record_landing(connection: psycopg.Connection[TupleRow], command: str, rows: int, refused: int) -> None:
    """Leave one event for a command that landed or refused files. The ledger says which files landed.

    Args:
        connection: in autocommit mode.
        command: what was done, `land` or `replay`.
        rows: the number of rows that landed.
        refused: the number of files that did not.
    """
    connection.execute("select audit.record_landing(%s, %s, %s)", [command, rows, refused])


def make_durable(connection: psycopg.Connection[TupleRow]) -> None:
    """Wait until all earlier commits are on disk.

    The write-ahead log is sequential, so one synchronous commit flushes all commits before it.
    """
    with connection.transaction():
        connection.execute("set local synchronous_commit to on")
        connection.execute("select pg_logical_emit_message(true, 'land', '')")


def status(connection: psycopg.Connection[TupleRow]) -> list[LandedFile]:
    """Return all lines of the ledger; none before the first landing."""
    row = connection.execute("select to_regclass('bronze.landed_files') is not null").fetchone()
    if row is None or not row[0]:
        return []
    return connection.cursor(row_factory=class_row(LandedFile)).execute(STATUS).fetchall()
