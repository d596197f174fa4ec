"""Simple queries sent by hand, so that Python can go on with its work while the server does its own.

psycopg waits for the answer to whatever it sends. Here sending and hearing are two calls, and one message may hold
several statements, `copy` among them. Between two calls of `psycopg` nothing may be left unheard.
"""

import selectors
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow


@dataclass(frozen=True)
class Answer:
    """What the server said to a message.

    Attributes:
        commands: what has been done, one for each statement up to the one that failed, such as `COMMIT`.
        rows: how many rows the last of them was about; None if it failed.
        waits_for_rows: whether it has begun a `copy`.
    """

    commands: tuple[bytes, ...]
    rows: int | None
    waits_for_rows: bool


class Wire:
    """A connection of psycopg, used one level below it."""

    def __init__(self, connection: psycopg.Connection[TupleRow]) -> None:
        self._connection = connection
        self._server: PGconn = connection.pgconn
        # One that needs no closing.
        self._socket = selectors.PollSelector()
        self._socket.register(self._server.socket, selectors.EVENT_READ)

    def send(self, message: bytes) -> None:
        """Send statements, separated by semicolons; do not wait."""
        self._server.send_query(message)
        self._flush()

    def send_rows(self, data: bytes | bytearray) -> None:
        """Send all rows of the `copy` that the server has begun, and their end; wait only for room to write."""
        self._server.put_copy_data(data)
        self._server.put_copy_end()
        self._flush()

    def hear(self) -> Answer:
        """Wait for what was sent: to its end, or until a `copy` has begun to wait for rows.

        Raises:
            psycopg.OperationalError: the connection is lost.
        """
        commands: list[bytes] = []
        rows: int | None = None
        for result in self._results():
            if result.status == ExecStatus.COPY_IN:
                return Answer(tuple(commands), None, waits_for_rows=True)
            done = result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
            rows = result.command_tuples if done else None
            if done:
                commands.append(result.command_status or b"")
        return Answer(tuple(commands), rows, waits_for_rows=False)

    def _results(self) -> Iterator[PGresult]:
        while True:
            while self._server.is_busy():
                self._wait(selectors.EVENT_READ)
                self._server.consume_input()
            result = self._server.get_result()
            if result is None:
                return
            yield result

    def _flush(self) -> None:
        while self._server.flush():
            # An answer that comes meanwhile must be read, or both sides wait for each other.
            if self._wait(selectors.EVENT_READ | selectors.EVENT_WRITE) & selectors.EVENT_READ:
                self._server.consume_input()

    def _wait(self, for_what: int) -> int:
        self._socket.modify(self._server.socket, for_what)
        try:
            return self._socket.select()[0][1]
        except BaseException:
            # Interrupted: the transaction ends with the connection, as a rollback would have to wait for its turn.
            self._connection.close()
            raise
