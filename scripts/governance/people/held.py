"""Find every row of a customer, in every table of the warehouse.

A table holds rows of a customer if it has the customer's number, or a key that is made from it. Texts that no model has
read yet (rejected rows, columns that no contract knows) are searched for the number and the e-mail addresses.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

TABLES = (Path(__file__).parent / "held.sql").read_text()
NUMBER = "customer_id"
# Keys that are made from the number, or from the number and a day.
KEYS = ("customer_durable_key", "customer_key", "customer_profile_key")
# Text as delivered that nobody has looked at.
RAW = ("raw", "_extra")
ADDRESS = "email"
NUMBERS = ("smallint", "integer", "bigint")
# `12346`, ` 12346 ` and `12346.0`, as files write it.
DELIVERED = r"^\s*0*{}(\.0*)?\s*$"


class Table(NamedTuple):
    """A table that can hold rows of customers.

    Attributes:
        layer: its schema.
        name: its name.
        columns: the columns by which rows of a customer are found, with their types.
    """

    layer: str
    name: str
    columns: dict[str, str]


class Held(NamedTuple):
    """The rows of a customer in a table.

    Attributes:
        table: the table.
        found_by: the column that names the customer.
        rows: each row as JSON, as PostgreSQL writes it, so that no decimal is lost.
    """

    table: Table
    found_by: str
    rows: list[str]


def held(session: psycopg.Connection[Any], customer: int) -> Iterator[Held]:
    """Yield the rows of a customer, table by table.

    Args:
        session: a session that may read every table, in one snapshot.
        customer: the number of the customer.
    """
    names = [NUMBER, ADDRESS, *KEYS, *RAW]
    tables = [Table(*row) for row in session.execute(TABLES, {"columns": names}).fetchall()]
    keys = {key: _values(session, tables, key, customer) for key in KEYS}
    addresses = _values(session, tables, ADDRESS, customer)
    for table in tables:
        condition = _condition(table, customer, keys, addresses)
        if condition is None:
            continue
        found_by, where = condition
        query = sql.SQL("select to_jsonb(held)::text from {} as held where {}").format(_name(table), where)
        rows = [row for (row,) in session.execute(query).fetchall()]
        if rows:
            yield Held(table, found_by, rows)


def _condition(
    table: Table, customer: int, keys: dict[str, list[Any]], addresses: list[Any]
) -> tuple[str, sql.Composed] | None:
    """Return the column by which rows of the customer are found, and the condition."""
    if NUMBER in table.columns:
        return NUMBER, _is_number(table, customer)
    for key in KEYS:
        if key in table.columns and keys[key]:
            return key, sql.SQL("{} = any({})").format(sql.Identifier(key), sql.Literal(keys[key]))
    for column in RAW:
        if column in table.columns:
            words = [rf"\y{customer}\y", *(f"***={address}" for address in addresses)]
            return column, sql.SQL("{}::text ~* any({})").format(sql.Identifier(column), sql.Literal(words))
    return None


def _is_number(table: Table, customer: int) -> sql.Composed:
    """Return the condition that a row has the number of the customer, delivered or typed."""
    if table.columns[NUMBER] in NUMBERS:
        return sql.SQL("{} = {}").format(sql.Identifier(NUMBER), sql.Literal(customer))
    return sql.SQL("{}::text ~ {}").format(sql.Identifier(NUMBER), sql.Literal(DELIVERED.format(customer)))


def _values(session: psycopg.Connection[Any], tables: Sequence[Table], column: str, customer: int) -> list[Any]:
    """Return the values of a column in all tables that have the customer's number, too."""
    found: set[Any] = set()
    for table in tables:
        if NUMBER in table.columns and column in table.columns:
            query = sql.SQL("select distinct {} from {} where {}").format(
                sql.Identifier(column), _name(table), _is_number(table, customer)
            )
            found |= {value for (value,) in session.execute(query).fetchall() if value not in (None, "")}
    return sorted(found)


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.layer, table.name)
