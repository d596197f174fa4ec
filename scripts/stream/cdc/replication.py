"""The replication connection: a walsender of the source, spoken to by libpq.

psycopg 3 has no replication API, but it passes libpq through (`psycopg.pq`), and libpq speaks the protocol of
replication (PostgreSQL manual, 54.4). Against `pg_logical_slot_peek_binary_changes`, which an ordinary connection can
call, a walsender decodes each part of the log once. The function decodes again from the oldest transaction that was
open, each time, and gives a transaction out only when it has all of it.
"""

import select
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from scripts.stream.cdc import lsn
from scripts.stream.cdc.lsn import Lsn
from scripts.stream.cdc.pgoutput import POSTGRESQL_EPOCH

# How values are written, whatever the settings of the user and of the database.
FORMATS = "-c datestyle=ISO,YMD -c intervalstyle=postgres -c extra_float_digits=1 -c timezone=UTC -c bytea_output=hex"
APPLICATION = "scripts.stream"

# Of data: where the record begins, the end of the log, the time. Of a sign of life: the position, the time, the wish.
_HEADER = 25
_START = struct.Struct(">q")
_KEEPALIVE = struct.Struct(">qqB")
_STATUS = struct.Struct(">cqqqqB")


@dataclass(frozen=True)
class Identity:
    """Which server the source is: its system identifier, its timeline, and how far its log is on disk."""

    system: str
    timeline: int
    position: Lsn


@dataclass(frozen=True)
class Sent:
    """A message of the server.

    Attributes:
        data: what pgoutput sends; empty for a sign of life, which only says where the server is.
        position: how far the server has decoded. Of a message of pgoutput, where its record begins.
        wants_answer: whether the server ends the connection unless it hears from us soon.
    """

    data: bytes
    position: Lsn
    wants_answer: bool = False


class Replication:
    """A replication connection, to be closed by `close`.

    Args:
        url: the source, as a libpq URI or connection string.

    Raises:
        psycopg.OperationalError: the source does not answer, or refuses.
    """

    def __init__(self, url: str) -> None:
        conninfo = make_conninfo(
            url,
            replication="database",
            client_encoding="utf8",
            options=FORMATS,
            fallback_application_name=APPLICATION,
            connect_timeout=10,
            # A source that is gone without a word is noticed after about a minute.
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
        self._libpq = pq.PGconn.connect(conninfo.encode())
        if self._libpq.status != pq.ConnStatus.OK:
            reason = self._reason()
            self._libpq.finish()
            raise psycopg.OperationalError(reason)

    def close(self) -> None:
        """Close the connection. The slot stays."""
        self._libpq.finish()

    def identify(self) -> Identity:
        """Return which server this is."""
        ((system, timeline, position, _),) = self._ask("IDENTIFY_SYSTEM")
        return Identity(system, int(timeline), lsn.parsed(position))

    def create_slot(self, slot: str) -> tuple[Lsn, str]:
        """Create a slot, and export the snapshot of the moment from which it holds all changes.

        Returns:
            The position from which changes will be sent, and the name of the snapshot. The snapshot is there until the
            next command of this connection.
        """
        ((_, position, snapshot, _),) = self._ask(
            f"CREATE_REPLICATION_SLOT {slot} LOGICAL pgoutput (SNAPSHOT 'export')"
        )
        return lsn.parsed(position), snapshot

    def drop_slot(self, slot: str) -> None:
        """Drop a slot that nobody reads."""
        self._ask(f"DROP_REPLICATION_SLOT {slot}")

    def start(self, slot: str, publication: str) -> None:
        """Ask for all transactions that commit at the confirmed position of a slot or after it.

        Raises:
            psycopg.Error: the slot is in use, is of another database, or has lost what is asked for.
        """
        name = publication.replace('"', '""').replace("'", "''")
        options = f"proto_version '1', publication_names '\"{name}\"'"
        result = self._libpq.exec_(f"START_REPLICATION SLOT {slot} LOGICAL 0/0 ({options})".encode())
        if result.status != pq.ExecStatus.COPY_BOTH:
            raise psycopg.errors.error_from_result(result)

    def receive(self, patience: float) -> Iterator[Sent]:
        """Yield the messages that are there, or those that come first within some seconds.

        Args:
            patience: the seconds to wait if there is none.

        Raises:
            psycopg.OperationalError: the connection is lost, or the server ends it.
        """
        waited = False
        while True:
            length, data = self._libpq.get_copy_data(1)
            if length > 0:
                waited = True
                yield self._read(bytes(data))
            elif length == 0:
                if waited or not select.select([self._libpq.socket], [], [], patience)[0]:
                    return
                self._libpq.consume_input()
                waited = True
            else:
                result = self._libpq.get_result()
                reason = result.get_error_message() if result else "the server ended the replication"
                raise psycopg.OperationalError(" ".join(reason.split()))

    def confirm(self, position: Lsn, *, ask: bool = False) -> None:
        """Tell the source that everything before a position is safe, so that it may delete its log.

        Args:
            position: what the warehouse has stored.
            ask: whether the server is to say at once how far it is.
        """
        now = time.time_ns() // 1000 - POSTGRESQL_EPOCH
        self._libpq.put_copy_data(_STATUS.pack(b"r", position, position, position, now, ask))
        self._libpq.flush()

    def _read(self, data: bytes) -> Sent:
        if data[:1] == b"w":
            (start,) = _START.unpack_from(data, 1)
            return Sent(data[_HEADER:], start)
        position, _, wants_answer = _KEEPALIVE.unpack_from(data, 1)
        return Sent(b"", position, bool(wants_answer))

    def _ask(self, command: str) -> list[list[str]]:
        result = self._libpq.exec_(command.encode())
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            raise psycopg.errors.error_from_result(result)
        return [
            [(result.get_value(row, column) or b"").decode() for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]

    def _reason(self) -> str:
        return " ".join(self._libpq.get_error_message().split())
