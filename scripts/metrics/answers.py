"""Ask the release: run the SQL of a question in a session that can only read."""

import time
from dataclasses import dataclass

import psycopg
from psycopg import sql

from scripts import connection
from scripts.errors import Refusal
from scripts.metrics.compiler import compile_query
from scripts.metrics.query import Compiled, Query

TIMEOUT_S = 30


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Attributes:
        columns: dimensions, then metrics, as in `compiled.columns`.
        rows: the values. Sums and shares are of type `Decimal`, exact as PostgreSQL computes them.
        compiled: the question and its SQL.
        release: the number of the release that answered.
        seconds: how long PostgreSQL worked.
    """

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]
    compiled: Compiled
    release: int
    seconds: float


def run(query: Query, session: psycopg.Connection | None = None) -> Answer:
    """Return the answer to a question from the release.

    Args:
        query: the question, with full or short names.
        session: a connection of `open_session`, else one is opened.

    Raises:
        Refusal: the question has no answer, no release exists, or the answer takes more than 30 seconds.
    """
    compiled = compile_query(query)
    if session is not None:
        return ask(compiled, session)
    with open_session() as own:
        return ask(compiled, own)


def open_session() -> psycopg.Connection:
    """Open a session on the target in use that can only read.

    Raises:
        Refusal: the server does not answer.
    """
    return only_read(connection.connect(autocommit=True, name="metrics"))


def only_read(session: psycopg.Connection) -> psycopg.Connection:
    """Let a session only read, stop each of its statements after 30 seconds, and count days in UTC.

    Args:
        session: a connection in autocommit mode.
    """
    session.execute("set default_transaction_read_only to on")
    session.execute(f"set statement_timeout to '{TIMEOUT_S}s'")
    session.execute("set timezone to 'UTC'")
    return session


def ask(compiled: Compiled, session: psycopg.Connection) -> Answer:
    """Return the answer of the release to a compiled question.

    Args:
        compiled: the question in SQL.
        session: a connection of `open_session`.

    Raises:
        Refusal: PostgreSQL refuses the statement, no release exists, or the answer takes more than 30 seconds.
    """
    number = release(session)
    began = time.monotonic()
    try:
        rows = session.execute(compiled.sql.encode()).fetchall()
    except psycopg.errors.QueryCanceled as error:
        raise Refusal(
            f"the answer takes more than {TIMEOUT_S} s: ask for fewer metrics, a shorter period or fewer dimensions."
        ) from error
    except psycopg.Error as error:
        raise Refusal(f"PostgreSQL cannot answer: {' '.join(str(error).split())}.") from error
    return Answer(compiled.columns, rows, compiled, number, time.monotonic() - began)


def release(session: psycopg.Connection) -> int:
    """Return the number of the release that readers see.

    Args:
        session: a connection to the warehouse.

    Raises:
        Refusal: nothing has been published yet.
    """
    name = f"{connection.audit_schema()}.releases"
    found = session.execute("select to_regclass(%s) is not null", [name]).fetchone()
    if found and found[0]:
        query = sql.SQL("select max(release_id) from {}").format(sql.Identifier(*name.split(".")))
        last = session.execute(query).fetchone()
        if last and last[0] is not None:
            return int(last[0])
    raise Refusal("nothing is published yet: run `make build` first.")
