"""Choose values for the parameters of a query, because the statistics of queries do not keep any.

A parameter that is compared with a column gets a value of that column: for `=` that of a row of the table, for `>=` a
value that a tenth of the rows reach, for `<=` the greatest value. So a query reads what readers mostly ask for: the
latest part of a history, and things that exist. Any other parameter gets a value that its type allows.
"""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from scripts.advise.asked import Session
from scripts.advise.plans import ORDERED, Compared
from scripts.advise.reach import Query

# A run for each, because the rows of one value may be many and of another few.
RUNS = 3
SAMPLED_ROWS = 3_000
# 'month' is a text that date_trunc and the like accept.
BY_TYPE = {
    "boolean": "true",
    "date": "2011-11-01",
    "interval": "1 month",
    "timestamp without time zone": "2011-11-01",
    "timestamp with time zone": "2011-11-01",
    "time without time zone": "12:00",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "json": "{}",
    "jsonb": "{}",
}
NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}

Values = tuple[str, ...]


def values(session: Session, query: Query, compared: Sequence[Compared]) -> list[Values]:
    """Return the values of all parameters for each of a few runs; of a query without parameters, one empty row.

    Args:
        session: a connection in a transaction.
        query: the query.
        compared: the columns with which its parameters are compared.
    """
    if not query.types:
        return [()]
    rows = [[_by_type(name) for name in query.types] for _ in range(RUNS)]
    tables = {(one.schema, one.table) for one in compared}
    for schema, table in sorted(tables):
        own = [one for one in compared if (one.schema, one.table) == (schema, table)]
        _fill(session, query, own, rows)
    return [tuple(row) for row in rows]


def _fill(session: Session, query: Query, compared: list[Compared], rows: list[list[str]]) -> None:
    """Fill in the values that come from one table. The values of a row go together."""
    schema, table = compared[0].schema, compared[0].table
    columns = sorted({one.column for one in compared})
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns)
    bounds = sql.SQL(", ").join(
        sql.SQL("percentile_disc(array[0.9, 1]) within group (order by {})::text[]").format(sql.Identifier(column))
        for column in columns
    )
    source = sql.SQL("(select {} from {} tablesample system ({}) repeatable (1) limit {}) as sampled").format(
        listed, sql.Identifier(schema, table), sql.Literal(_percent(session, schema, table)), sql.Literal(SAMPLED_ROWS)
    )
    found = session.execute(
        sql.SQL("select {} from {} where num_nulls({}) = 0 order by md5(sampled::text) limit {}").format(
            texts, source, listed, sql.Literal(RUNS)
        )
    ).fetchall()
    if not found:
        return
    try:
        with session.transaction():
            ends = session.execute(sql.SQL("select {} from {}").format(bounds, source)).fetchone() or ()
    except psycopg.Error:
        # A type without an order.
        ends = ()
    for one in compared:
        place, type_name = columns.index(one.column), query.types[one.parameter - 1]
        for number, row in enumerate(rows):
            value = found[number % len(found)][place]
            if ends and ends[place] and one.operator in ORDERED:
                value = ends[place][one.operator.startswith("<")]
            row[one.parameter - 1] = _of_type(value, type_name)


def _percent(session: Session, schema: str, table: str) -> float:
    """Return the share of a table's pages that holds enough rows."""
    (rows,) = session.execute(
        "select reltuples from pg_class where relnamespace = to_regnamespace(quote_ident(%s)) and relname = %s",
        [schema, table],
    ).fetchone() or (0,)
    return min(100.0, 100.0 * 2 * SAMPLED_ROWS / max(float(rows), 1.0))


def _by_type(name: str) -> str:
    if name.endswith("[]"):
        return "{" + _by_type(name.removesuffix("[]")) + "}"
    return BY_TYPE.get(name, "10" if name in NUMBERS else "month")


def _of_type(value: str, name: str) -> str:
    if not name.endswith("[]"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{{"{escaped}"}}'
