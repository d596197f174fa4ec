"""What a reader meets while a build replaces what it reads: how long it waits, and whether it ever sees a mixture."""

import threading
import time
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

# It takes the locks that any query takes, on the table and on all of its partitions, and reads no more than a row of
# each: it is slow only when it has to wait.
DOOR = sql.SQL("select exists (select from gold.fct_sales)")
# One answer before, one after, and none between.
WHOLE = sql.SQL("select count(*), sum(net_amount) from gold.fct_sales")
PAUSE_SECONDS = 0.002


@dataclass
class Reader:
    """Asks the same question again and again, in a thread of its own, while a `with` lasts.

    Args:
        url: of the database.
        query: what to ask.

    Attributes:
        waits: seconds of each answer.
        answers: how often each came.
        errors: what went wrong instead.
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
        with psycopg.connect(self.url, autocommit=True) as session:
            # A plan that is kept would be another question than that of a client that has just come.
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
