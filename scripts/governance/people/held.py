"""Find every row of a customer, in every table of the warehouse.

A table holds rows of a customer if it has the customer's number, or a key that is made from it, or one of the
customer's e-mail addresses in a row without a number. Texts that no model has read yet (rejected rows, columns that no
contract knows) are searched for the number and the e-mail addresses.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from scripts.errors import Refusal, printable

TABLES = (Path(__file__).parent / "held.sql").read_text()
NUMBER = "customer_id"
LARGEST = 2**31 - 1
# Keys that are made from the number, or from the number and a day; the last one is that of the vault.
KEYS = ("customer_durable_key", "customer_key", "customer_profile_key", "customer_hk")
# Text as delivered that nobody has looked at.
EXTRA = "_extra"
RAW = ("raw", EXTRA)
# A change that was captured from the shop: the old and the new row, as objects.
IMAGES = ("before", "after")
ADDRESS = "email"
NUMBERS = ("smallint", "integer", "bigint")
# `12346`, ` 12346 ` and `12346.0`, as files write it.
DELIVERED = r"^\s*0*{}(\.0*)?\s*$"
SPELLED = """
    {column} = any(array(
        with
        spellings as materialized (
            select distinct {column} as spelling
            from {table}
        )
        select spelling
        from spellings
        where spelling ~ {pattern}
    ))
"""
# In a text that nobody has parsed: a number that is a whole field, and an address that is a whole word. The function
# bronze.names_erased (migrations/versions/0005_erasure.up.sql) finds the same.
FIELD = r"""(?<![^\s,;|":])0*{}(\.0*)?(?![^\s,;|"}}])"""
WORD = r"""(?<![^\s<>"',;:|(){{}}]){}(?=\.?([\s<>"',;:|(){{}}]|$))"""


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

    @property
    def identifier(self) -> sql.Identifier:
        """Its name, for a statement."""
        return sql.Identifier(self.layer, self.name)


class Person(NamedTuple):
    """By what rows of a customer are found.

    Attributes:
        number: the number of the customer.
        keys: the values of each key that is made from the number.
        addresses: the e-mail addresses, in lower case.
    """

    number: int
    keys: dict[str, list[int]]
    addresses: list[str]


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


def number_of(text: str) -> int:
    """Return the number of a customer.

    Args:
        text: what was typed.

    Raises:
        Refusal: it is no number of a customer.
    """
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 0 < int(text) <= LARGEST:
        raise Refusal(f"CUSTOMER={printable(text)!r} is no customer number: give one like CUSTOMER=12346.")
    return int(text)


def held(session: psycopg.Connection[Any], customer: int) -> Iterator[Held]:
    """Yield the rows of a customer, table by table.

    Args:
        session: a session that may read every table, in one snapshot.
        customer: the number of the customer.
    """
    yield from rows_of(session, person(session, customer))


def person(session: psycopg.Connection[Any], customer: int) -> Person:
    """Return by what rows of a customer are found.

    Args:
        session: a session that may read every table, in one snapshot.
        customer: the number of the customer.
    """
    tables = _tables(session)
    keys = {key: [int(value) for value in _values(session, tables, key, customer)] for key in KEYS}
    addresses = sorted({str(value).strip().lower() for value in _values(session, tables, ADDRESS, customer)} - {""})
    return Person(customer, keys, addresses)


def rows_of(session: psycopg.Connection[Any], who: Person) -> Iterator[Held]:
    """Yield the rows of a customer, table by table.

    Args:
        session: a session that may read every table, in one snapshot.
        who: by what the rows are found.
    """
    for table in _tables(session):
        condition = condition_of(table, who)
        if condition is None:
            continue
        found_by, where = condition
        query = sql.SQL("select to_jsonb(held)::text from {} as held where {}").format(table.identifier, where)
        rows = [row for (row,) in session.execute(query).fetchall()]
        if rows:
            yield Held(table, found_by, rows)


def _tables(session: psycopg.Connection[Any]) -> list[Table]:
    names = [NUMBER, ADDRESS, *KEYS, *RAW, *IMAGES]
    return [Table(*row) for row in session.execute(TABLES, {"columns": names}).fetchall()]


def condition_of(table: Table, who: Person) -> tuple[str, sql.Composed] | None:
    """Return the column by which rows of a customer are found, and the condition; None if the table has no column.

    Args:
        table: the table.
        who: by what the rows are found.
    """
    if NUMBER in table.columns:
        found = [_is_number(table, who.number)]
        if ADDRESS in table.columns:
            found.append(
                sql.SQL(
                    "(coalesce({number}::text, '') !~ {digits} and lower(btrim({address})) = any({addresses}))"
                ).format(
                    number=sql.Identifier(NUMBER),
                    digits=sql.Literal(DELIVERED.format("[0-9]+")),
                    address=sql.Identifier(ADDRESS),
                    addresses=sql.Literal(who.addresses),
                )
            )
        if EXTRA in table.columns and who.addresses:
            words = [WORD.format(re.escape(address)) for address in who.addresses]
            found.append(sql.SQL("{}::text ~* any({})").format(sql.Identifier(EXTRA), sql.Literal(words)))
        return NUMBER, sql.SQL(" or ").join(found)
    if all(table.columns.get(image) == "jsonb" for image in IMAGES):
        pattern = sql.Literal(DELIVERED.format(who.number))
        numbers = [
            sql.SQL("{} ->> {} ~ {}").format(sql.Identifier(image), sql.Literal(NUMBER), pattern) for image in IMAGES
        ]
        return IMAGES[-1], sql.SQL(" or ").join(numbers)
    for key in KEYS:
        if key in table.columns and who.keys[key]:
            return key, sql.SQL("{} = any({})").format(sql.Identifier(key), sql.Literal(who.keys[key]))
    for column in RAW:
        if column in table.columns:
            words = [FIELD.format(who.number), *(WORD.format(re.escape(address)) for address in who.addresses)]
            return column, sql.SQL("{}::text ~* any({})").format(sql.Identifier(column), sql.Literal(words))
    return None


def _is_number(table: Table, customer: int) -> sql.Composed:
    """Return the condition that a row has the number of the customer, delivered or typed."""
    column = sql.Identifier(NUMBER)
    if table.columns[NUMBER] in NUMBERS:
        return sql.SQL("{} = {}").format(column, sql.Literal(customer))
    # A million rows have some thousand numbers, so these are compared: 0.2 s instead of 1 s.
    return sql.SQL(SPELLED).format(
        column=column, table=table.identifier, pattern=sql.Literal(DELIVERED.format(customer))
    )


def _values(session: psycopg.Connection[Any], tables: Sequence[Table], column: str, customer: int) -> list[Any]:
    """Return the values of a column in all tables that have the customer's number, too."""
    found: set[Any] = set()
    for table in tables:
        if NUMBER in table.columns and column in table.columns:
            query = sql.SQL("select distinct {} from {} where {}").format(
                sql.Identifier(column), table.identifier, _is_number(table, customer)
            )
            found |= {value for (value,) in session.execute(query).fetchall() if value not in (None, "")}
    return sorted(found)
