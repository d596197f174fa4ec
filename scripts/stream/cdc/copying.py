"""The initial copy: all rows of the published tables, as of the moment from which the slot holds all changes."""

from collections.abc import Callable, Sequence

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from scripts.stream.cdc.bronze import Landing, Table
from scripts.stream.cdc.lsn import Lsn
from scripts.stream.cdc.rows import EMPTY, Shape, Transaction
from scripts.stream.cdc.source import PublishedTable


def copy(
    source: psycopg.Connection[TupleRow],
    tables: Sequence[PublishedTable],
    landing: Landing,
    *,
    slot: str,
    copy_number: int,
    position: Lsn,
    snapshot: str,
    say: Callable[[str], None],
) -> int:
    """Land the rows of all tables and the position, in one transaction.

    Args:
        source: an ordinary connection in autocommit mode.
        tables: what to copy.
        landing: where to.
        slot: the slot.
        copy_number: the number of this copy.
        position: where the changes begin.
        snapshot: the exported snapshot of this position.
        say: takes one line about each table.

    Returns:
        The number of rows.
    """
    total = 0
    with source.transaction():
        source.execute("set transaction isolation level repeatable read, read only")
        source.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
        ((now,),) = source.execute("select (extract(epoch from now()) * 1000000)::bigint").fetchall()
        transaction = Transaction(slot, copy_number, position, int(now), step=-1)
        for table in tables:
            shape = Shape(table.relation, table.columns, table.key)
            before = landing.pending
            with source.cursor().copy(table.reading()) as rows:
                for row in rows.rows():
                    landing.add(transaction.line(shape.read(row)))
            copied = landing.pending - before
            landing.add_table(Table(table.oid, table.relation, table.relation, table.key, table.columns), copied)
            say(f"Copied      {copied:,} rows of {table.relation}")
            total += copied
        # Numbered last, so first in the order: what an earlier copy has landed counts no more.
        for table in tables:
            landing.add(transaction.line(Shape(table.relation, table.columns, table.key).row(EMPTY)))
    landing.commit(position)
    return total
