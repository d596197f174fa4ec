"""The data of the page: one SQL file per data set, all read in one snapshot of one release."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from scripts import connection
from scripts.errors import Refusal

QUERIES = Path(__file__).with_name("queries")
# A unit of money on the page. JavaScript adds whole numbers exactly below 2^53, which is 900 billion pounds.
MONEY_UNITS = 10_000
LARGEST_EXACT = 2**53
# Of gzip. The highest level takes four times as long for a hundredth less.
COMPRESSION = 6
# A release that is published while the page is being read refuses the snapshot that began before it.
ATTEMPTS = 5
SCHEMAS = ("audit", "bronze", "gold", "history", "profiles", "silver")
EPOCH = date(1970, 1, 1)
KINDS = (
    dict.fromkeys(("json", "jsonb"), "json")
    | dict.fromkeys(("text", "name", "varchar", "uuid"), "text")
    | dict.fromkeys(("timestamptz", "timestamp"), "time")
    | dict.fromkeys(("int2", "int4", "int8"), "integer")
    | dict.fromkeys(("numeric", "float4", "float8"), "number")
    | {"date": "date", "bool": "boolean"}
)


class Column(NamedTuple):
    """A column as the page reads it.

    Attributes:
        kind: `integer`, `money` (whole units of 1/10,000 pound), `number`, `text` (numbers of `texts`), `date` (days
            since 1970-01-01), `time` (seconds since then, UTC), `boolean` (0 or 1) or `json`.
        values: one value for each row; None where the database has null.
        texts: the distinct texts of a column of texts, sorted.
    """

    kind: str
    values: list[Any]
    texts: list[str] | None = None


class Dataset(NamedTuple):
    """Columns of the same length."""

    rows: int
    columns: dict[str, Column]

    def packed(self) -> str:
        """Return the data set as the page embeds it: JSON, compressed with gzip, in base64."""
        columns = {
            name: {key: value for key, value in column._asdict().items() if value is not None}
            for name, column in self.columns.items()
        }
        text = json.dumps({"rows": self.rows, "columns": columns}, separators=(",", ":"))
        # Without a time, so that the same release gives the same page.
        return base64.b64encode(gzip.compress(text.encode(), COMPRESSION, mtime=0)).decode()


Datasets = dict[str, Dataset]


@contextmanager
def snapshot(url: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """Yield a session that sees one release, and changes nothing.

    Args:
        url: the database; that of the target in use when omitted.
    """
    with psycopg.connect(url, options=connection.OPTIONS) if url else connection.connect(name="site") as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.read_only = True
        yield session


def schema(layer: str) -> str:
    """Return the name of a layer's schema in the target in use.

    Args:
        layer: `gold`, `audit` or another schema of the target `local`.
    """
    return connection.audit_schema().removesuffix("audit") + layer


def statement(text: str) -> sql.Composed:
    """Return a query whose `{gold}`, `{audit}` and so on are the schemas of the target in use.

    Args:
        text: the query.
    """
    return sql.SQL(text).format(**{layer: sql.Identifier(schema(layer)) for layer in SCHEMAS})


def read(session: psycopg.Connection[Any], text: str) -> Dataset:
    """Run a query, and return its rows as columns.

    Args:
        session: a session of `snapshot`.
        text: the query; see `statement`.
    """
    cursor = session.execute(statement(text))
    rows = cursor.fetchall()
    names = [(column.name, column.type_display) for column in cursor.description or ()]
    values = zip(*rows, strict=True) if rows else [()] * len(names)
    return Dataset(
        len(rows), {name: column(name, kind, given) for (name, kind), given in zip(names, values, strict=True)}
    )


def column(name: str, type_name: str, given: Sequence[Any]) -> Column:
    """Return a column of a result in the form of the page.

    Args:
        name: the name of the column. A `numeric` whose name ends with `amount` is money.
        type_name: its type, as PostgreSQL displays it.
        given: its values.

    Raises:
        ValueError: an amount has more than four decimals, or is too large to be added exactly.
    """
    base = type_name.split("(", maxsplit=1)[0]
    kind = "json" if base.endswith("[]") else KINDS.get(base)
    if kind == "number" and base == "numeric" and name.endswith("amount"):
        kind = "money"
    if kind is None:
        raise ValueError(f"column {name}: the page has no form for the type {type_name}; cast it in the query")
    if kind == "text":
        return texts(given)
    if kind == "json":
        return Column(kind, list(given))
    convert = CONVERTERS[kind]
    try:
        return Column(kind, [None if value is None else convert(value) for value in given])
    except ValueError as error:
        raise ValueError(f"column {name}: {error}") from error


def texts(given: Sequence[Any]) -> Column:
    """Return texts as numbers of a sorted list of the distinct ones.

    Args:
        given: texts, or None.
    """
    known = sorted({str(value) for value in given if value is not None})
    places = {text: place for place, text in enumerate(known)}
    return Column("text", [None if value is None else places[str(value)] for value in given], known)


def money(amount: Decimal) -> int:
    """Return an amount in units of 1/10,000 pound.

    Args:
        amount: pounds.

    Raises:
        ValueError: the amount has more than four decimals, or is too large to be added exactly.
    """
    exact = amount * MONEY_UNITS
    units = int(exact)
    if units != exact or abs(units) >= LARGEST_EXACT:
        raise ValueError(f"{amount} is no exact number of 1/{MONEY_UNITS} pound below 2^53")
    return units


def seconds(moment: datetime) -> int:
    """Return a time as seconds since 1970 in UTC. A local time counts as UTC, so that the page shows it unchanged.

    Args:
        moment: a time with or without a zone.
    """
    return int((moment - datetime(1970, 1, 1, tzinfo=moment.tzinfo)).total_seconds())


def days(day: date) -> int:
    """Return a day as the number of days since 1970-01-01.

    Args:
        day: the day.
    """
    return (day - EPOCH).days


CONVERTERS: dict[str, Callable[[Any], int | float]] = {
    "boolean": int,
    "date": days,
    "integer": int,
    "money": money,
    "number": float,
    "time": seconds,
}


def of_files(session: psycopg.Connection[Any]) -> Datasets:
    """Return a data set for each file of `queries`, under the name of the file.

    Args:
        session: a session of `snapshot`.
    """
    return {path.stem: read(session, path.read_text()) for path in sorted(QUERIES.glob("*.sql"))}


def release(session: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return the release that readers see, as `audit.releases` has it.

    Args:
        session: a session of `snapshot`.

    Raises:
        Refusal: there is no release yet.
    """
    table = f"{schema('audit')}.releases"
    found = None
    if session.execute("select to_regclass(%s)", [table]).fetchone() != (None,):
        query = statement("select * from {audit}.releases order by release_id desc limit 1")
        found = session.cursor(row_factory=dict_row).execute(query).fetchone()
    if found is None:
        raise Refusal("there is no release to show: run `make build` first.")
    return found
