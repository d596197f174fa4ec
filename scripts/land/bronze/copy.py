"""The statements that copy the rows of a file: into its table, or through a temporary table if it has new columns."""

from collections.abc import Iterable

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from scripts.errors import Refusal
from scripts.land.contract import EXTRA
from scripts.land.header import Fit
from scripts.land.rows import FILE_ID, LINE, Batch

TEMPORARY = sql.Identifier("pg_temp", "delivered")


def load(
    connection: psycopg.Connection[TupleRow], schema: str, fitting: Fit, delimiter: bytes, batches: Iterable[Batch]
) -> int:
    """Send rows to their table.

    Args:
        connection: in a transaction.
        schema: the schema of the table.
        fitting: the columns of the batches.
        delimiter: the delimiter of the batches.
        batches: the rows.

    Returns:
        The number of rows.

    Raises:
        Refusal: the server took a different number of rows than it was sent.
    """
    with connection.cursor() as cursor:
        if not fitting.new:
            sent = _send(cursor, straight(schema, fitting, delimiter), batches)
        else:
            table, copy = _into_temporary(fitting, delimiter)
            cursor.execute(table)
            sent = _send(cursor, copy, batches)
            move, drop = _out_of_temporary(schema, fitting)
            cursor.execute(move)
            connection.execute(drop)
        if cursor.rowcount != sent:
            raise Refusal(f"{sent} rows were sent, but the server took {cursor.rowcount}")
    return sent


def straight(schema: str, fitting: Fit, delimiter: bytes) -> sql.Composed:
    """Return the `copy` for a file without new columns.

    Args:
        schema: the schema of the table.
        fitting: the columns of the file.
        delimiter: the delimiter of the rows.
    """
    columns = [column for column in fitting.columns if column is not None]
    return _copy(sql.Identifier(schema, fitting.landing.table), [*columns, FILE_ID, LINE], delimiter)


def _into_temporary(fitting: Fit, delimiter: bytes) -> tuple[sql.Composed, sql.Composed]:
    """Return statements for a file with new columns: create a temporary table, and `copy` into it."""
    names = _names(fitting)
    columns = [*(sql.SQL("{} text").format(sql.Identifier(name)) for name in names)]
    columns += [sql.SQL("{} integer").format(sql.Identifier(name)) for name in (FILE_ID, LINE)]
    table = sql.SQL("create temporary table {} ({})").format(TEMPORARY, sql.SQL(", ").join(columns))
    return table, _copy(TEMPORARY, [*names, FILE_ID, LINE], delimiter)


def _out_of_temporary(schema: str, fitting: Fit) -> tuple[sql.Composed, sql.Composed]:
    """Return statements that move the rows from the temporary table to their table, and drop the temporary table.

    The server combines the new columns into one JSON object. A file with one new column takes a third longer. Other
    files are not affected.
    """
    pairs = list(zip(_names(fitting), fitting.columns, strict=True))
    known = [(sql.Identifier(name), sql.Identifier(column)) for name, column in pairs if column is not None]
    values = [sql.Identifier(name) for name, column in pairs if column is None]
    extra = sql.SQL("jsonb_strip_nulls(jsonb_object(array[{}], array[{}]))").format(
        sql.SQL(", ").join(map(sql.Literal, fitting.new)), sql.SQL(", ").join(values)
    )
    bookkeeping = [sql.Identifier(FILE_ID), sql.Identifier(LINE)]
    move = sql.SQL("insert into {} ({}) select {} from {}").format(
        sql.Identifier(schema, fitting.landing.table),
        sql.SQL(", ").join([*(column for _, column in known), sql.Identifier(EXTRA), *bookkeeping]),
        sql.SQL(", ").join([*(name for name, _ in known), extra, *bookkeeping]),
        TEMPORARY,
    )
    return move, sql.SQL("drop table {}").format(TEMPORARY)


def _send(cursor: psycopg.Cursor[TupleRow], statement: sql.Composed, batches: Iterable[Batch]) -> int:
    sent = 0
    with cursor.copy(statement) as copy:
        for batch in batches:
            if batch.data:
                copy.write(batch.data)
            sent += batch.loaded
    return sent


def _copy(table: sql.Identifier, columns: list[str], delimiter: bytes) -> sql.Composed:
    return sql.SQL("copy {} ({}) from stdin (format csv, delimiter {})").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(delimiter.decode())
    )


def _names(fitting: Fit) -> list[str]:
    """Name the columns of the temporary table by position, because names in the file may be too long for PostgreSQL."""
    return [f"column_{place}" for place in range(1, len(fitting.columns) + 1)]
