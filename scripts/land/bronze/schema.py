"""Create the tables of the bronze schema and their comments from the contract."""

from contextlib import suppress

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from scripts import revisions
from scripts.land.bronze import role
from scripts.land.bronze.ledger import lock
from scripts.land.contract import EXTRA, LINEAGE, Contract

PRESENT = """
    select c.relname, a.attname, coalesce(col_description(c.oid, a.attnum), '')
    from pg_class as c
    inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = to_regnamespace(%(schema)s) and c.relkind in ('r', 'p')
    union all
    select c.relname, null, coalesce(obj_description(c.oid, 'pg_class'), '')
    from pg_class as c
    where c.relnamespace = to_regnamespace(%(schema)s) and c.relkind in ('r', 'p')
"""

INDEXES = "select indexname from pg_indexes where schemaname = %s and indexname = any(%s)"

Described = dict[tuple[str, str | None], str]


def ensure(connection: psycopg.Connection[TupleRow], contract: Contract) -> None:
    """Create the tables, columns, comments and rights that are missing or out of date, in one transaction.

    The check takes no lock. DDL runs only if there is a difference, so a user who may not create tables can land files
    once another user has created them.

    Args:
        connection: in autocommit mode.
        contract: the tables, columns and comments that must exist.

    Raises:
        Refusal: the warehouse is of another revision than this code.
    """
    try:
        is_new = revisions.is_missing(connection)
    except psycopg.errors.InsufficientPrivilege:
        # A user whose only right is to become the loader.
        role.step_down(connection, contract)
        is_new = revisions.is_missing(connection)
    indexes = [_index(landing.table) for landing in contract.landings]
    indexed = connection.execute(INDEXES, [contract.schema, indexes]).rowcount == len(indexes)
    if indexed and not _outdated(connection, contract) and not role.is_lacking(connection, contract):
        return
    with connection.transaction():
        lock(connection)
        # Another loader may have made the tables while this one waited.
        if is_new and revisions.is_missing(connection):
            revisions.create(connection)
        for landing in contract.landings:
            _make(connection, contract.schema, landing.table, [column.name for column in landing.columns])
        for (table, column), description in _outdated(connection, contract).items():
            _comment(connection, contract.schema, table, column, description)
        if role.is_lacking(connection, contract):
            role.make(connection, contract)


def summarize(connection: psycopg.Connection[TupleRow], contract: Contract) -> None:
    """Summarize the rows of earlier landings in the indexes by file (PostgreSQL manual, 65.5.1.1).

    Every build reads the rows that no summary covers. Autovacuum summarizes as well, but later. A user who does not own
    the tables leaves the work to autovacuum.

    Args:
        connection: in autocommit mode or in a transaction.
        contract: the tables that take files.
    """
    for landing in contract.landings:
        index = sql.Identifier(contract.schema, _index(landing.table)).as_string(connection)
        with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable), connection.transaction():
            connection.execute("select brin_summarize_new_values(%s::regclass)", [index])


def _index(table: str) -> str:
    return f"{table}_by_file"


def _outdated(connection: psycopg.Connection[TupleRow], contract: Contract) -> Described:
    rows = connection.execute(PRESENT, {"schema": contract.schema}).fetchall()
    present: Described = {(table, column): text for table, column, text in rows}
    return {key: text for key, text in contract.descriptions.items() if present.get(key) != text}


def _make(connection: psycopg.Connection[TupleRow], schema: str, table: str, columns: list[str]) -> None:
    name = sql.Identifier(schema, table)
    delivered = [sql.SQL("{} text").format(sql.Identifier(column)) for column in columns]
    lineage = [sql.SQL("{} {} not null").format(sql.Identifier(c), sql.SQL(kind)) for c, kind in LINEAGE.items()]
    extra = sql.SQL("{} jsonb").format(sql.Identifier(EXTRA))
    listed = sql.SQL(", ").join([*delivered, *lineage, extra])
    added = sql.SQL(", ").join(sql.SQL("add column if not exists {}").format(column) for column in [*delivered, extra])
    connection.execute(sql.SQL("create table if not exists {} ({})").format(name, listed))
    connection.execute(sql.SQL("alter table {} {}").format(name, added))
    # The rows of a file lie together, so a BRIN index finds them and costs almost nothing.
    by_file = sql.SQL("create index if not exists {} on {} using brin (_file_id) with (autosummarize = on)")
    connection.execute(by_file.format(sql.Identifier(_index(table)), name))


def _comment(connection: psycopg.Connection[TupleRow], schema: str, table: str, column: str | None, text: str) -> None:
    target = (
        sql.SQL("table {}").format(sql.Identifier(schema, table))
        if column is None
        else sql.SQL("column {}").format(sql.Identifier(schema, table, column))
    )
    connection.execute(sql.SQL("comment on {} is {}").format(target, sql.Literal(text)))
