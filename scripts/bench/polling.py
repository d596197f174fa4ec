"""Poll a table while a build replaces it: measure how long a reader waits, and whether it ever sees a mixture."""

import threading
import time
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from scripts import connection

# This query takes the same locks as any query, on the table and on all of its partitions. It reads at most one row of
# each, so it is slow only when it waits for a lock.
DOOR = sql.SQL("select exists (select from gold.fct_sales)")
# A reader may see the sums before and after a release, but no other sums.
WHOLE = sql.SQL("select count(*), sum(net_amount) from gold.fct_sales")
PAUSE_SECONDS = 0.002


@dataclass
class Reader:
    """Repeats the same query in a separate thread until the `with` block ends.

    Args:
        url: the URI of the database.
        query: the query to repeat.

    Attributes:
        waits: the seconds that each query took.
        answers: how often each answer was returned.
        errors: the messages of failed queries.
    """

    url: str
    query: sql.SQL
    waits: list[float] = field(default_factory=list)
    answers: dict[tuple[object, ...] | None, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="reader", daemon=True)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with psycopg.connect(self.url, autocommit=True, options=connection.OPTIONS) as session:
            # Plan each query again, as for a client that has just connected.
            session.prepare_threshold = None
            while not self._stop.is_set():
                began = time.perf_counter()
                try:
                    answer = session.execute(self.query).fetchone()
                except psycopg.Error as error:
                    self.errors.append(" ".join(str(error).split()))
                else:
                    self.answers[answer] = self.answers.get(answer, 0) + 1
                self.waits.append(time.perf_counter() - began)
                time.sleep(PAUSE_SECONDS)
