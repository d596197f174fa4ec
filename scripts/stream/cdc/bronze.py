"""The warehouse's side: the tables, the position, and the transactions that land changes.

A transaction that lands changes stores the position as well. So after a kill at any moment, the rows and the position
belong together, and the next run asks the source for what comes after the position.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row

from scripts import locks
from scripts.errors import Refusal
from scripts.land.bronze import ledger, role, schema
from scripts.land.bronze.session import connect
from scripts.land.contract import read_contract
from scripts.stream.cdc import lsn
from scripts.stream.cdc.lsn import Lsn
from scripts.stream.cdc.pgoutput import Microseconds
from scripts.stream.cdc.rows import COLUMNS, moment

TABLES = Path(__file__).with_name("tables.sql")
# One process at a time lands the changes of a slot: the lock of a slot is this number with a hash of its name.
SLOT_LOCK = 0x7374_7265_0000_0000
# The process before may have been killed a moment ago.
PATIENCE_SECONDS = 10.0
# Rows are sent to the server in pieces of this size.
PIECE = 1 << 18

LACKING = """
    select
        to_regclass('bronze.shop_changes') is null
        or to_regprocedure('bronze.erase_changes(text, integer, pg_lsn)') is null
        or exists (
            select
            from pg_roles
            where rolname = 'retail_loader' and not has_table_privilege(oid, 'bronze.shop_changes', 'insert')
        )
"""
KNOWN = """
    select
        copy_number, publication, system_identifier as system, database, position::text as position,
        commit_lsn::text as commit_lsn, (extract(epoch from committed_at) * 1000000)::bigint as committed_at
    from bronze.streams
    where slot = %s
    order by copy_number desc
    limit 1
"""
ANNOUNCE = """
    insert into bronze.streams (slot, copy_number, publication, system_identifier, database)
    values (%s, %s, %s, %s, %s)
    on conflict (slot, copy_number) do update
    set publication = excluded.publication, system_identifier = excluded.system_identifier,
        database = excluded.database, started_at = now()
"""
STORE = """
    update bronze.streams
    set
        position = %(position)s,
        commit_lsn = coalesce(%(commit_lsn)s, commit_lsn),
        committed_at = coalesce(%(committed_at)s, committed_at),
        landed_at = clock_timestamp(),
        changes = changes + %(rows)s
    where slot = %(slot)s and copy_number = %(copy_number)s and position is not distinct from %(before)s
"""
# Whoever was erased stays erased (docs/erasure.md).
ERASE = "select bronze.erase_changes(%(slot)s, %(copy_number)s, %(since)s::pg_lsn)"
TABLES_OF = """
    select relation_id as oid, relation, source_name, key_columns as key, columns
    from bronze.stream_tables
    where slot = %s and copy_number = %s
"""
ADD_TABLE = """
    insert into bronze.stream_tables (
        slot, copy_number, relation_id, relation, source_name, key_columns, columns, rows_copied
    ) values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
CHANGE_TABLE = """
    update bronze.stream_tables
    set source_name = %s, columns = %s
    where slot = %s and copy_number = %s and relation_id = %s
"""


class Stream(NamedTuple):
    """The last initial copy of a slot, and how far its changes have landed.

    Attributes:
        copy_number: its number.
        publication: the publication of the source.
        system: the system identifier of the source.
        database: the database of the source.
        position: where to go on; None if the initial copy did not end.
        commit_lsn: where the last landed transaction committed; None before the first.
        committed_at: when.
    """

    copy_number: int
    publication: str
    system: str
    database: str
    position: str | None
    commit_lsn: str | None
    committed_at: int | None


class Table(NamedTuple):
    """A table of a stream, see `bronze.stream_tables`."""

    oid: int
    relation: str
    source_name: str
    key: list[str]
    columns: list[str]


@contextmanager
def prepared(url: str, slot: str, say: Callable[[str], None]) -> Iterator[psycopg.Connection[TupleRow]]:
    """Open a connection that may land changes and nothing else, and hold the lock of the slot.

    Args:
        url: the warehouse, as a libpq URI.
        slot: the slot whose changes land.
        say: takes one line if another process holds the lock.

    Raises:
        Refusal: another process lands the changes of this slot.
        psycopg.Error: the warehouse does not answer.
    """
    with connect(url) as connection:
        # The source deletes its log once a position is confirmed, so the commit that stores it has to be on disk.
        connection.execute("set synchronous_commit to on")
        connection.execute("set application_name to 'scripts.stream'")
        contract = read_contract()
        schema.ensure(connection, contract)
        if connection.execute(LACKING).fetchone() == (True,):
            with connection.transaction():
                ledger.lock(connection)
                connection.execute(TABLES.read_bytes())
        role.step_down(connection, contract)
        role.refuse_without_record(connection)
        ((number,),) = connection.execute("select hashtext(%s) & 2147483647", [slot]).fetchall()
        what = f"the changes of the slot {slot}"
        try:
            locks.take(
                connection,
                SLOT_LOCK | int(number),
                what=what,
                patience=PATIENCE_SECONDS,
                say=say,
                statement=locks.TRY_SESSION,
            )
        except psycopg.errors.LockNotAvailable as error:
            raise Refusal(f"{' '.join(str(error).split())}; one process at a time can land {what}.") from error
        yield connection


def known(connection: psycopg.Connection[TupleRow], slot: str) -> Stream | None:
    """Return what has landed of a slot; None if it is new."""
    return connection.cursor(row_factory=class_row(Stream)).execute(KNOWN, [slot]).fetchone()


def announce(connection: psycopg.Connection[TupleRow], slot: str, stream: Stream) -> None:
    """Record, before the slot is made, that it will be ours: a killed initial copy leaves the slot behind.

    Args:
        connection: in autocommit mode.
        slot: the slot.
        stream: what is known of it.
    """
    values = [slot, stream.copy_number, stream.publication, stream.system, stream.database]
    connection.execute(ANNOUNCE, values)


def tables_of(connection: psycopg.Connection[TupleRow], slot: str, copy_number: int) -> list[Table]:
    """Return the tables of an initial copy."""
    return connection.cursor(row_factory=class_row(Table)).execute(TABLES_OF, [slot, copy_number]).fetchall()


class Landing:
    """Lands rows in one transaction after the other. Each transaction ends with the position.

    Args:
        connection: from `prepared`.
        slot: the slot.
        copy_number: the number of the initial copy.
        position: the position that is stored.
    """

    def __init__(
        self, connection: psycopg.Connection[TupleRow], slot: str, copy_number: int, position: Lsn | None
    ) -> None:
        self.position = position
        self.pending = 0
        self._connection = connection
        self._key = {"slot": slot, "copy_number": copy_number}
        self._piece: list[bytes] = []
        self._size = 0
        self._copy: psycopg.Copy | None = None
        self._copying = ExitStack()

    def add(self, line: bytes) -> None:
        """Add a row to the transaction. Memory holds one piece of rows, however many there are."""
        self._piece.append(line)
        self._size += len(line)
        self.pending += 1
        if self._size >= PIECE:
            self._send()

    def add_table(self, table: Table, rows_copied: int) -> None:
        """Add a table, with its initial copy, to the transaction."""
        self._end_copy()
        self._begin()
        lists = [json.dumps(table.key), json.dumps(table.columns)]
        values = [*self._key.values(), table.oid, table.relation, table.source_name, *lists, rows_copied]
        self._connection.execute(ADD_TABLE, values)

    def change_table(self, table: Table) -> None:
        """Change the name or the columns of a table within the transaction."""
        self._end_copy()
        self._begin()
        values = [table.source_name, json.dumps(table.columns), *self._key.values(), table.oid]
        self._connection.execute(CHANGE_TABLE, values)

    def commit(self, position: Lsn, commit_lsn: Lsn | None = None, committed_at: Microseconds | None = None) -> None:
        """Store the position, and commit it with the rows.

        Args:
            position: where to go on.
            commit_lsn: where the last transaction of the source committed, if rows of one are added.
            committed_at: when.

        Raises:
            Refusal: somebody else has stored another position meanwhile.
        """
        self._end_copy()
        self._begin()
        if self.pending:
            since = lsn.text(self.position or 0)
            self._connection.execute(ERASE, {**self._key, "since": since})
        stored = self._connection.execute(
            STORE,
            {
                **self._key,
                "position": lsn.text(position),
                "before": None if self.position is None else lsn.text(self.position),
                "commit_lsn": None if commit_lsn is None else lsn.text(commit_lsn),
                "committed_at": None if committed_at is None else moment(committed_at),
                "rows": self.pending,
            },
        )
        if stored.rowcount != 1:
            self.give_up()
            raise Refusal(
                f"the position of the slot {self._key['slot']} in bronze.streams was changed by someone else: nothing "
                "of this transaction landed; run this again, and let one process at a time read the slot."
            )
        self._connection.execute("commit")
        self.position, self.pending = position, 0

    def give_up(self) -> None:
        """Roll back what is not committed. The source sends it again."""
        self._piece, self._size, self.pending, self._copy = [], 0, 0, None
        if self._connection.closed:
            return
        # Ends a copy that is under way with an error, which is what is wanted here.
        failing, self._copying = self._copying, ExitStack()
        try:
            failing.__exit__(psycopg.Error, psycopg.Error("given up"), None)
        finally:
            if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self._connection.execute("rollback")

    def _begin(self) -> None:
        if self._connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._connection.execute("begin")

    def _send(self) -> None:
        if self._copy is None:
            self._begin()
            columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
            statement = sql.SQL("copy bronze.shop_changes ({}) from stdin").format(columns)
            self._copy = self._copying.enter_context(self._connection.cursor().copy(statement))
        self._copy.write(b"".join(self._piece))
        self._piece, self._size = [], 0

    def _end_copy(self) -> None:
        if self._piece:
            self._send()
        self._copy = None
        self._copying.close()
