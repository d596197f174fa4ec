"""Try what a published view would gain if its rows were stored: copy them to a temporary table, and ask the table."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from scripts.advise.asked import Session
from scripts.advise.plans import wasteful_scans
from scripts.advise.running import only_read, run
from scripts.advise.trial import Case

# The columns of the table by which the queries look for rows get an index each, up to so many.
MOST_INDEXES = 3
# A published relation is a view in any case. Behind one whose rows are stored stands a table of the same name.
RELATIONS = """
    select
        views.relname,
        tables.oid is not null as is_stored,
        coalesce(
            (select sum(pg_total_relation_size(relid)) from pg_partition_tree(tables.oid) where isleaf),
            pg_total_relation_size(tables.oid),
            0
        )::bigint as bytes
    from pg_class as views
    left join pg_class as tables
        on
            views.relname = tables.relname
            and tables.relnamespace = to_regnamespace(quote_ident(%(published)s || '_tables'))
            and tables.relkind in ('r', 'p')
    where views.relnamespace = to_regnamespace(quote_ident(%(published)s)) and views.relkind in ('v', 'm', 'r', 'p')
    order by views.relname
"""


@dataclass(frozen=True)
class Relation:
    """A relation of the published schema.

    Attributes:
        name: its name.
        is_stored: whether its rows are stored; otherwise each query computes them.
        bytes: the size of the stored rows, with indexes.
    """

    name: str
    is_stored: bool
    bytes: int


@dataclass(frozen=True)
class Stored:
    """What storing the rows of a view did.

    Attributes:
        name: of the view.
        after: the time of each query, by its number.
        columns: the columns of the table that got an index.
        bytes: the size of the table with its indexes.
        write_ms: the time to compute and write all rows.
    """

    name: str
    after: dict[int, float]
    columns: tuple[str, ...]
    bytes: int
    write_ms: float


def relations(session: Session, published: str) -> list[Relation]:
    """Return the relations of the published schema.

    Args:
        session: a connection.
        published: the name of the schema.
    """
    return [Relation(*row) for row in session.execute(RELATIONS, {"published": published}).fetchall()]


def attempt(session: Session, name: str, cases: Sequence[Case], published: str) -> Stored | str:
    """Store the rows of a view in a temporary table and ask it. Return what it did, or why it could not be tried.

    Args:
        session: a connection as the role that builds, in autocommit mode.
        name: the view.
        cases: the queries on it.
        published: the published schema.
    """
    table = sql.Identifier("pg_temp", name)
    after = {}
    try:
        with session.transaction(force_rollback=True):
            began = time.perf_counter()
            session.execute(
                sql.SQL("create temporary table {} as table {}").format(
                    sql.Identifier(name), sql.Identifier(published, name)
                )
            )
            write_ms = 1_000 * (time.perf_counter() - began)
            session.execute(sql.SQL("analyze {}").format(table))
            columns = _columns(session, name, cases, published)
            for column in columns:
                session.execute(sql.SQL("create index on {} ({})").format(table, sql.Identifier(column)))
            (size,) = session.execute(
                "select pg_total_relation_size(%s::regclass)", [table.as_string(session)]
            ).fetchone() or (0,)
            only_read(session, published)
            _look_in_temporary_tables_first(session, published)
            for case in cases:
                after[case.query.asked.number] = run(session, redirected(case, name, published), case.values).ms
    except psycopg.Error as error:
        return " ".join(str(error).split())
    return Stored(name, after, columns, int(size), write_ms)


def redirected(case: Case, name: str, published: str) -> str:
    """Return a query on the temporary table in place of the view.

    Args:
        case: the query.
        name: the view.
        published: the schema of the view.
    """
    database = r'(?:(?:\w+|"[^"]+")\s*\.\s*)?'
    schema, view = (rf'(?:\b{re.escape(part)}\b|"{re.escape(part)}")' for part in (published, name))
    return re.sub(rf"{database}{schema}\s*\.\s*{view}", f'pg_temp."{name}"', case.query.text)


def _columns(session: Session, name: str, cases: Sequence[Case], published: str) -> tuple[str, ...]:
    """Return the columns by which the queries throw rows of the table away."""
    found: dict[str, None] = {}
    for case in cases:
        with session.transaction(force_rollback=True):
            only_read(session, published)
            _look_in_temporary_tables_first(session, published)
            for plan in run(session, redirected(case, name, published), case.values).plans:
                for scan in wasteful_scans(plan, {}):
                    if scan.table == name:
                        found |= dict.fromkeys([*sorted(scan.equal), *sorted(scan.ranged)])
    return tuple(found)[:MOST_INDEXES]


def _look_in_temporary_tables_first(session: Session, published: str) -> None:
    session.execute(sql.SQL("set local search_path to pg_catalog, pg_temp, {}").format(sql.Identifier(published)))
