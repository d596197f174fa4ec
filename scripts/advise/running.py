"""Plan and run queries, and time them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from scripts.advise.asked import Session
from scripts.advise.plans import Node, Roots, comparisons
from scripts.advise.reach import Query, resolve_in
from scripts.advise.samples import Values, values

# The best of so many runs counts, as other work on the machine only makes a run longer. A long run is not repeated.
REPEATS, LONG_MS = 3, 1_000.0
PATIENCE = "60s"
GENERIC = "explain (generic_plan, verbose, format json) {}"
RUN = "explain (analyze, verbose, timing off, format json) {}"


@dataclass(frozen=True)
class Timed:
    """A query that ran with sample values.

    Attributes:
        ms: the mean time of its values, to plan and to run.
        plans: a plan for each row of values.
    """

    ms: float
    plans: tuple[Node, ...]


def sample(session: Session, query: Query, published: str, roots: Roots) -> list[Values]:
    """Return values to run a query with.

    Args:
        session: a connection in autocommit mode.
        query: the query.
        published: the published schema, in which names without a schema are looked up.
        roots: the partitioned table of each partition.

    Raises:
        psycopg.Error: the query cannot be planned.
    """
    with session.transaction():
        session.execute("set transaction read only")
        resolve_in(session, published)
        plan = _plan(session.execute(GENERIC.format(query.text).encode()).fetchone())
        return values(session, query, comparisons(plan, roots))


def run(session: Session, text: str, rows: Sequence[Values]) -> Timed:
    """Run a query, and return its time and plans.

    Args:
        session: a connection in a transaction that may only read, so that no function in the query can write.
        text: the query, with parameters.
        rows: the values of the parameters, a row for each run.

    Raises:
        psycopg.Error: the query fails with these values, or takes too long.
    """
    cursor: psycopg.RawCursor[Any] = psycopg.RawCursor(session)
    times, plans = [], []
    for row in rows:
        best = float("inf")
        for _ in range(REPEATS):
            answer = cursor.execute(RUN.format(text).encode(), row).fetchone()
            found = answer[0][0] if answer else {}
            best = min(best, found["Planning Time"] + found["Execution Time"])
            if best > LONG_MS:
                break
        times.append(best)
        plans.append(found["Plan"])
    return Timed(sum(times) / len(times), tuple(plans))


def only_read(session: Session, published: str) -> None:
    """Let a transaction no longer write, and resolve names as readers do, until it ends.

    Args:
        session: a connection in a transaction.
        published: the published schema.
    """
    session.execute("set transaction read only")
    resolve_in(session, published)


def be_patient(session: Session) -> None:
    """Give up what takes long, and never stand in a queue for a lock, where readers would wait behind us."""
    session.execute("set lock_timeout to '1s'")
    session.execute(f"set statement_timeout to '{PATIENCE}'")


def _plan(row: tuple[Any, ...] | None) -> Node:
    return row[0][0]["Plan"] if row else {}
