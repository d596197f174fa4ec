"""Read which queries were asked, and how long they took, from `pg_stat_statements`."""

import re
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row

from scripts import connection
from scripts.errors import Refusal

Session = psycopg.Connection[TupleRow]

LIBRARY = "pg_stat_statements"
SCHEMA = """
    select pg_namespace.nspname
    from pg_extension
    inner join pg_namespace on pg_extension.extnamespace = pg_namespace.oid
    where pg_extension.extname = 'pg_stat_statements'
"""
# One line for each text: the module counts it for each role and for each setting apart.
STATEMENTS = """
    select
        min(queryid) as number,
        query as text,
        sum(calls)::bigint as calls,
        sum(total_exec_time)::float as total_ms
    from {view}
    where
        dbid = (select oid from pg_database where datname = current_database())
        and query is not null
        and (%(everyone)s or userid <> current_user::regrole)
    group by query
    order by total_ms desc
"""
SINCE = "select stats_reset::text from {view}"
# A query; statements of any other kind change something, and no index of ours helps a statement that adds rows.
QUERY = re.compile(r"(\s|/\*.*?\*/|--[^\n]*\n|\()*(select|with|values|table)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """A query that was asked.

    Attributes:
        number: the number of the query in pg_stat_statements.
        text: the query, with `$1` in place of its first constant, and so on.
        calls: how often it was asked.
        total_ms: the time of all its answers.
    """

    number: int
    text: str
    calls: int
    total_ms: float

    @property
    def mean_ms(self) -> float:
        """Return the mean time of an answer."""
        return self.total_ms / self.calls


def prepare(target: str) -> None:
    """Make the statistics readable in the database. On the embedded server the extension is added if it is missing.

    Args:
        target: the target in use.

    Raises:
        Refusal: there are no statistics; the message says what to do.
    """
    with connection.connect(autocommit=True, name="scripts.advise", operator=target == "local") as session:
        (loaded,) = session.execute("select pg_catalog.current_setting('shared_preload_libraries')").fetchone() or ("",)
        if LIBRARY not in loaded:
            remedy = (
                "stop and start the server, and see that override.conf does not set shared_preload_libraries"
                if target == "local"
                else f"add {LIBRARY} to shared_preload_libraries and restart the server"
            )
            raise Refusal(f"the server does not count queries, because {LIBRARY} is not loaded: {remedy}.")
        if session.execute(SCHEMA).fetchone() is None:
            try:
                session.execute(f"create extension {LIBRARY} schema public")
            except psycopg.Error as error:
                raise Refusal(
                    f"the extension {LIBRARY} is missing: let a superuser run `create extension {LIBRARY}` in the "
                    "database, and grant pg_read_all_stats to the user of this target."
                ) from error


def read(session: Session, *, everyone: bool) -> tuple[list[Asked], str]:
    """Return the queries that were asked in this database, the most expensive first, and since when they are counted.

    Args:
        session: a connection as the role that builds.
        everyone: whether to count queries of the role that builds as well. They are mostly builds and checks.
    """
    (schema,) = session.execute(SCHEMA).fetchone() or ("public",)
    view, info = (sql.Identifier(schema, name) for name in (LIBRARY, f"{LIBRARY}_info"))
    cursor = session.cursor(row_factory=class_row(Asked))
    found = cursor.execute(sql.SQL(STATEMENTS).format(view=view), {"everyone": everyone}).fetchall()
    (since,) = session.execute(sql.SQL(SINCE).format(view=info)).fetchone() or ("",)
    return [asked for asked in found if asked.calls and QUERY.match(asked.text)], str(since)[:19]
