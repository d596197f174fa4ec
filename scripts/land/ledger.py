"""The ledger: which contents have landed, under which number, and what was set aside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row

from scripts.land.rows import Reject

# Held until the end of the transaction by whoever lands a file, whichever file it is. So files are committed
# in the order of their numbers, and a reader that has seen file 7 has seen all of 1 to 6: with a lock for each
# content only, file 7 could become visible before file 6, and whoever reads on from the last number misses it.
LANDING_LOCK = 0x6272_6F6E_7A65

NEXT_NUMBER = "select nextval(pg_get_serial_sequence('bronze.landed_files', 'file_id'))::integer"
ALIKE = "select bytes, sha256, name from bronze.landed_files where bytes = any(%s)"
CLAIM = f"{NEXT_NUMBER} where not exists (select from bronze.landed_files where bytes = %s)"
RECORD = """
    insert into bronze.landed_files (
        file_id, source, name, sha256, bytes, format, header, rows_read, rows_loaded, rows_rejected, started_at,
        landed_at
    ) values ({}, now(), clock_timestamp())
"""
# Fails with a division by zero unless the number is the next one, and the content is new.
EXPECT = f"""
    select 1 / (
        ({NEXT_NUMBER}) = {{file_id}}
        and not exists (select from bronze.landed_files where sha256 = {{sha256}})
    )::integer
"""
SET_ASIDE = """
    select file_id, name, source, format, header, bytes
    from bronze.landed_files
    where rows_rejected > 0
    order by file_id
"""
REJECTS = "select line, raw, reason from bronze.rejected_rows where file_id = %s order by line"
TAKEN_BACK = """
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
    """A line to write into the ledger."""

    file_id: int
    source: str
    name: str
    sha256: str
    bytes: int
    format: str
    header: Sequence[str] | None
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


class Known:
    """The contents that have landed, as far as they are as long as one of the files at hand."""

    def __init__(self, connection: psycopg.Connection[TupleRow], sizes: Sequence[int]) -> None:
        self.sizes: set[int] = set()
        self._names: dict[str, str] = {}
        for size, sha256, name in connection.execute(ALIKE, [list(sizes)]):
            self.add(size, sha256, name)

    def add(self, size: int, sha256: str, name: str) -> None:
        """Take note of a file that has landed."""
        self.sizes.add(size)
        self._names[sha256] = name

    def forget(self, sha256: str) -> None:
        """Take back what was noted of a file before its time."""
        self._names.pop(sha256, None)

    def name_of(self, sha256: str) -> str | None:
        """Return the name under which a content has landed, if it is known."""
        return self._names.get(sha256)


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


def expecting(file_id: int, sha256: str) -> tuple[sql.Composed, sql.Composed]:
    """Return statements that wait for the turn to land a file, and fail unless number and content are new.

    Args:
        file_id: the number that the file should get.
        sha256: the hash of its content.
    """
    check = sql.SQL(EXPECT).format(file_id=sql.Literal(file_id), sha256=sql.Literal(sha256))
    return sql.SQL("select pg_advisory_xact_lock({})").format(sql.Literal(LANDING_LOCK)), check


def next_number(connection: psycopg.Connection[TupleRow]) -> int:
    """Take the next number for a file of a known size but of new content, after `claim`."""
    (number,) = connection.execute(NEXT_NUMBER).fetchall()[0]
    return int(number)


def recording(entry: Entry) -> sql.Composed:
    """Return the statement that writes a landed file into the ledger."""
    rejected = len(entry.rejects)
    values = [
        entry.file_id,
        entry.source,
        entry.name,
        entry.sha256,
        entry.bytes,
        entry.format,
        None if entry.header is None else json.dumps(list(entry.header)),
        entry.rows_loaded + rejected,
        entry.rows_loaded,
        rejected,
    ]
    return sql.SQL(RECORD).format(sql.SQL(", ").join(map(sql.Literal, values)))


def record(connection: psycopg.Connection[TupleRow], entry: Entry) -> None:
    """Write a landed file and its rejects into the ledger."""
    connection.execute(recording(entry))
    if entry.rejects:
        with connection.cursor().copy("copy bronze.rejected_rows (file_id, line, raw, reason) from stdin") as copy:
            for reject in entry.rejects:
                copy.write_row((entry.file_id, reject.line, reject.raw, reject.reason))


@dataclass(frozen=True)
class Incomplete:
    """A landed file of which rows were set aside."""

    file_id: int
    name: str
    source: str
    format: str
    header: Sequence[str] | None
    bytes: int


def incomplete(connection: psycopg.Connection[TupleRow]) -> list[Incomplete]:
    """Return the files of which rows are set aside."""
    return connection.cursor(row_factory=class_row(Incomplete)).execute(SET_ASIDE).fetchall()


def rejects_of(connection: psycopg.Connection[TupleRow], file_id: int) -> list[Reject]:
    """Wait for the turn to change what has landed; return the rows of a file that are set aside.

    Args:
        connection: in the transaction that will land them.
        file_id: the file.
    """
    connection.execute("select pg_advisory_xact_lock(%s)", [LANDING_LOCK])
    return connection.cursor(row_factory=class_row(Reject)).execute(REJECTS, [file_id]).fetchall()


def take_back(
    connection: psycopg.Connection[TupleRow], file_id: int, lines: Sequence[int], remaining: Sequence[Reject]
) -> None:
    """Note that rows which were set aside have landed, and for which reason the others have not.

    Args:
        connection: in the transaction that lands them.
        file_id: the file.
        lines: the rows that have landed.
        remaining: those that have not.
    """
    connection.execute("delete from bronze.rejected_rows where file_id = %s and line = any(%s)", [file_id, list(lines)])
    with connection.cursor() as cursor:
        cursor.executemany(
            "update bronze.rejected_rows set reason = %s where file_id = %s and line = %s and reason <> %s",
            [(reject.reason, file_id, reject.line, reject.reason) for reject in remaining],
        )
    connection.execute(TAKEN_BACK, {"rows": len(lines), "file_id": file_id})


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
