"""Send simple queries without waiting, so that Python and the server work at the same time.

psycopg waits for the reply to each message. Here, sending and receiving are two calls, and one message may hold
several statements, including a `copy`. Receive all replies before the next call of psycopg itself.
"""

import selectors
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow


@dataclass(frozen=True)
class Reply:
    """The server's reply to a message.

    Attributes:
        commands: the tag of each statement that succeeded, such as `COMMIT`. The server skips all after a failure.
        rows: the number of rows of the last statement; None if it failed.
        waits_for_rows: whether a `copy` has begun.
    """

    commands: tuple[bytes, ...]
    rows: int | None
    waits_for_rows: bool


class Pipeline:
    """A connection of psycopg, used at the level of libpq."""

    def __init__(self, connection: psycopg.Connection[TupleRow]) -> None:
        self._connection = connection
        self._server: PGconn = connection.pgconn
        # A selector that needs no closing.
        self._socket = selectors.PollSelector()
        self._socket.register(self._server.socket, selectors.EVENT_READ)

    def send(self, message: bytes) -> None:
        """Send statements, separated by semicolons, without waiting."""
        self._server.send_query(message)
        self._flush()

    def send_rows(self, data: bytes | bytearray) -> None:
        """Send all rows of the `copy` in progress and its end. Wait only while the socket is full."""
        self._server.put_copy_data(data)
        self._server.put_copy_end()
        self._flush()

    def receive(self) -> Reply:
        """Wait for the reply: for its end, or until a `copy` waits for rows.

        Raises:
            psycopg.OperationalError: the connection is lost.
        """
        commands: list[bytes] = []
        rows: int | None = None
        for result in self._results():
            if result.status == ExecStatus.COPY_IN:
                return Reply(tuple(commands), None, waits_for_rows=True)
            done = result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
            rows = result.command_tuples if done else None
            if done:
                commands.append(result.command_status or b"")
        return Reply(tuple(commands), rows, waits_for_rows=False)

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
            # Read a reply that arrives meanwhile, or both sides wait for each other.
            if self._wait(selectors.EVENT_READ | selectors.EVENT_WRITE) & selectors.EVENT_READ:
                self._server.consume_input()

    def _wait(self, for_what: int) -> int:
        self._socket.modify(self._server.socket, for_what)
        try:
            return self._socket.select()[0][1]
        except BaseException:
            # On an interrupt, the transaction ends with the connection. A rollback would have to wait for the reply.
            self._connection.close()
            raise
