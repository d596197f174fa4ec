"""The rows of one table of bronze that leave or come back together, and their checksum.

PostgreSQL computes the checksum: of the rows in bronze, of the rows that were read back from a Parquet file, and of the
rows that are deleted. So the same rows have the same checksum, whatever program wrote the file between.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from scripts.land.rows import FILE_ID, LINE

SCHEMA = "bronze"
REJECTED, REFUSED = "rejected_rows", "refused_files"
# Integers are stored as they are, and all others as the text that PostgreSQL writes and reads.
INTEGERS = ("smallint", "integer", "bigint")
NOTHING = sql.SQL("")
READ_BACK = sql.Identifier("pg_temp", "read_back")

COLUMNS = """
    select attname, format_type(atttypid, atttypmod)
    from pg_attribute
    where attrelid = %s::regclass and attnum > 0 and not attisdropped
    order by attnum
"""
# Hashes of hashes: the text of all rows together may be longer than the longest text.
CHECKSUM = """
    with

    {before}

    given (line, written) as ({given}),

    hashed as (
        select line, sha256(convert_to(written, 'UTF8')) as hash from given
    ),

    parts as (
        select
            line / 10000 as part,
            count(*) as rows,
            sha256(string_agg(hash, ''::bytea order by line, hash)) as hash
        from hashed
        group by line / 10000
    )

    select
        coalesce(sum(rows), 0)::bigint,
        encode(sha256(coalesce(string_agg(hash, ''::bytea order by part), ''::bytea)), 'hex')
    from parts
"""


class Column(NamedTuple):
    """A column with its type as PostgreSQL writes it."""

    name: str
    type: str

    @property
    def is_integer(self) -> bool:
        """Whether its values are stored as integers."""
        return self.type in INTEGERS


class Content(NamedTuple):
    """The number of some rows, and their checksum."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Relation:
    """A table of bronze.

    Attributes:
        name: its name.
        columns: its columns, in the order in which the checksum takes them.
    """

    name: str
    columns: tuple[Column, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """Its name in a statement."""
        return sql.Identifier(SCHEMA, self.name)

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which its rows are written."""
        return {REFUSED: ("refused_at", "name"), REJECTED: ("line",)}.get(self.name, (LINE,))

    def exported(self) -> sql.Composed:
        """Return the list of its columns, as they are exported."""
        return sql.SQL(", ").join(
            sql.SQL("{}" if column.is_integer else "{}::text").format(sql.Identifier(column.name))
            for column in self.columns
        )

    def written(self) -> sql.Composed:
        """Return the line number of a row and the text of its columns, for the checksum."""
        line = {REFUSED: sql.SQL("0"), REJECTED: sql.SQL("line")}.get(self.name, sql.Identifier(LINE))
        return sql.SQL("{}, row({})::text").format(line, self.exported())


def of_file(of: Relation, file_id: int) -> sql.Composed:
    """Return the condition of the rows of a landed file.

    Args:
        of: their table.
        file_id: the number of the file.
    """
    column = "file_id" if of.name == REJECTED else FILE_ID
    return sql.SQL("{} = {}").format(sql.Identifier(column), sql.Literal(file_id))


def relation(session: psycopg.Connection[Any], name: str) -> Relation:
    """Return a table of bronze as it is now.

    Args:
        session: a session.
        name: the name of the table.
    """
    table = sql.Identifier(SCHEMA, name).as_string(session)
    return Relation(name, tuple(Column(*row) for row in session.execute(COLUMNS, [table]).fetchall()))


def measure(session: psycopg.Connection[Any], of: Relation, where: sql.Composable) -> Content:
    """Return the number of rows of a table and their checksum.

    Args:
        session: a session whose time zone is UTC.
        of: the table.
        where: the condition of the rows.
    """
    given = sql.SQL("select {} from {} where {}").format(of.written(), of.identifier, where)
    return _checksum(session, given)


def delete(session: psycopg.Connection[Any], of: Relation, where: sql.Composable) -> Content:
    """Delete rows of a table, and return the number and the checksum of the rows that were deleted.

    Args:
        session: a session whose time zone is UTC.
        of: the table.
        where: the condition of the rows.
    """
    deleting = sql.SQL("gone (line, written) as (delete from {} where {} returning {}),").format(
        of.identifier, where, of.written()
    )
    return _checksum(session, sql.SQL("select line, written from gone"), deleting)


def read_back(session: psycopg.Connection[Any], of: Relation, rows: Iterable[Sequence[Any]]) -> Content:
    """Copy rows of a file into a temporary table, and return their number and checksum.

    Args:
        session: in the transaction that uses the table, with the time zone UTC.
        of: the table that the rows belong to.
        rows: the rows of the file.
    """
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type if column.is_integer else "text"))
        for column in of.columns
    )
    session.execute(sql.SQL("drop table if exists {}").format(READ_BACK))
    session.execute(sql.SQL("create temporary table read_back ({})").format(columns))
    with session.cursor().copy(sql.SQL("copy {} from stdin").format(READ_BACK)) as copy:
        for row in rows:
            copy.write_row(row)
    return _checksum(session, sql.SQL("select {} from {}").format(of.written(), READ_BACK))


def put_back(session: psycopg.Connection[Any], of: Relation) -> int:
    """Copy the rows of the temporary table into their table of bronze, and return their number.

    Args:
        session: in the transaction that has read them back.
        of: the table, with the columns of the file.
    """
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in of.columns)
    values = sql.SQL(", ").join(
        sql.SQL("{}::{}").format(sql.Identifier(column.name), sql.SQL(column.type)) for column in of.columns
    )
    statement = sql.SQL("insert into {} ({}) select {} from {}").format(of.identifier, names, values, READ_BACK)
    return session.execute(statement).rowcount


def _checksum(session: psycopg.Connection[Any], given: sql.Composable, before: sql.Composable = NOTHING) -> Content:
    query = sql.SQL(CHECKSUM).format(given=given, before=before)
    return Content(*session.execute(query).fetchall()[0])
