"""Erase a person from what builds do not make: landed rows, history, failing rows of checks, and statistics.

Tombstones stay in bronze, so that a file that brings the person again is erased in the transaction that lands it
(migrations/versions/0005_erasure.up.sql).
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from scripts import connection
from scripts.governance.people.held import KEYS, NUMBER, Held, Person, Table, condition_of, rows_of
from scripts.governance.retention import store
from scripts.governance.retention.erase import erase_from_archives
from scripts.land.bronze import ledger
from scripts.land.contract import Contract

BRONZE = "bronze"
# Relations with delivered text that nobody has parsed.
TEXTS = {"bronze.rejected_rows", "bronze.refused_files"}
# The first capture makes it (scripts/stream/cdc/tables.sql).
CHANGES = "bronze.erase_changes(text, integer, pg_lsn)"
IS_ERASED = "select bronze.is_erased(%s)"
TOMBSTONES = """
    insert into bronze.erased_identities (digest)
    select bronze.identity_digest(identity) from unnest(%s::text[]) as identity
    on conflict do nothing
"""
RULE = """
    insert into bronze.erasure_rules (table_name, number_column, address_column, emptied_columns)
    values (%(table)s, %(number)s, %(address)s, %(emptied)s)
    on conflict (table_name) do update
    set
        number_column = excluded.number_column,
        address_column = excluded.address_column,
        emptied_columns = excluded.emptied_columns
"""
DIRECT = """
    select array_agg(distinct value)
    from bronze.{table}
    cross join lateral (values {columns}) as direct (value)
    where {condition} and length(btrim(value)) >= {shortest}
"""
FILES = (
    "select name from bronze.landed_files where file_id in (select _file_id from bronze.{} where {}) order by file_id"
)
# The keys of all versions that a customer can have, by the rule of macros/surrogate_key.sql: whoever counts through the
# days of a century finds them as well.
POSSIBLE_KEYS = """
    select ('x' || md5(%(number)s::text))::bit(53)::bigint
    union all
    select ('x' || md5(%(number)s::text || '|' || to_char(day, 'YYYYMMDD')))::bit(53)::bigint
    from generate_series('1990-01-01'::timestamp, '2089-12-31', '1 day') as day
"""
# Frequent and extreme values of columns that identify customers.
PROFILES = """
    delete from {}
    where
        column_name = any(%(columns)s)
        and (top_values || coalesce(bounds, '{{}}') || array[min_value, max_value]) && %(values)s::text[]
"""
# A shorter text, such as a postcode, would be found by chance.
SHORTEST = 6


class Erased(NamedTuple):
    """What was erased from bronze.

    Attributes:
        rows: the number of rows of each relation.
        archives: the number of files of the archive that were written again.
        transaction: the number of the transaction, for `storage.still_seen_by`.
    """

    rows: dict[str, int]
    archives: int
    transaction: int


def is_erased(session: psycopg.Connection[Any], number: int) -> bool:
    """Return whether a customer has a tombstone."""
    return session.execute(IS_ERASED, [str(number)]).fetchone() == (True,)


def texts_of(session: psycopg.Connection[Any], contract: Contract, who: Person) -> list[str]:
    """Return the delivered texts that name a person or reach them, for a search of files on disk.

    Args:
        session: a session that may read bronze.
        contract: the tables that take files.
        who: the person.
    """
    found: set[str] = set(who.addresses)
    for landing in contract.landings:
        columns = [column.name for column in landing.columns if column.is_direct]
        if landing.erasure is None or not columns:
            continue
        query = sql.SQL(DIRECT).format(
            table=sql.Identifier(landing.table),
            columns=sql.SQL(", ").join(sql.SQL("({})").format(sql.Identifier(name)) for name in columns),
            condition=_condition(landing.table, landing.erasure.number, who),
            shortest=sql.Literal(SHORTEST),
        )
        ((texts,),) = session.execute(query).fetchall()
        found |= {text.strip() for text in texts or ()}
    return sorted(found)


def files_of(session: psycopg.Connection[Any], contract: Contract, who: Person) -> list[str]:
    """Return the names of the landed files that brought rows of a person."""
    found: dict[str, None] = {}
    for landing in contract.landings:
        if landing.erasure is not None:
            condition = _condition(landing.table, landing.erasure.number, who)
            query = sql.SQL(FILES).format(sql.Identifier(landing.table), condition)
            found.update(dict.fromkeys(name for (name,) in session.execute(query).fetchall()))
    return list(found)


def erase(session: psycopg.Connection[Any], contract: Contract, who: Person, found: Sequence[Held]) -> Erased:
    """Erase a person from bronze, the archive, history and the failing rows of checks, in one transaction.

    Args:
        session: a session in autocommit mode, of a role that may write to these schemas.
        contract: the tables that take files.
        who: the person.
        found: all rows of the person.

    Raises:
        Refusal: a file of the archive was changed.
    """
    rows: dict[str, int] = {}
    with session.transaction():
        ledger.lock(session)
        # Archived rows are written in this zone.
        session.execute("set local timezone to 'UTC'")
        session.execute(TOMBSTONES, [[str(who.number), *who.addresses]])
        for landing in contract.landings:
            if landing.erasure is not None:
                emptied = landing.erasure.emptied
                session.execute(
                    RULE,
                    {
                        "table": landing.table,
                        "number": landing.erasure.number,
                        "address": landing.erasure.address,
                        "emptied": None if emptied is None else list(emptied),
                    },
                )
            rows[f"{BRONZE}.{landing.table}"] = _number(session, "select bronze.erase_rows(%s)", landing.table)
        rows[f"{BRONZE}.rejected_rows"] = _number(session, "select bronze.erase_texts()")
        if session.execute("select to_regprocedure(%s) is not null", [CHANGES]).fetchone() == (True,):
            rows[f"{BRONZE}.shop_changes"] = _number(session, "select bronze.erase_changes()")
        archives, replaced = erase_from_archives(session)
        rows |= delete(session, (held.table for held in found if held.table.layer in schemas()), who)
        rows[f"{connection.audit_schema()}.column_profiles"] = _forget_values(session, who)
        # Without statistics, the build would look up line by line.
        session.execute("analyze bronze.erased_lines")
        transaction = _number(session, "select pg_current_xact_id()::text::bigint")
    store.remove(replaced)
    return Erased({relation: count for relation, count in rows.items() if count}, archives, transaction)


def built(session: psycopg.Connection[Any]) -> None:
    """Forget which lines were emptied: the build has read them, and a list of them would be the person's history."""
    session.execute("truncate bronze.erased_lines")


def remains(session: psycopg.Connection[Any], who: Person) -> list[Held]:
    """Return the rows that still have the number, an address, or a key that can be made from the number.

    Args:
        session: a session that may read every table.
        who: the person.
    """
    possible = [int(key) for (key,) in session.execute(POSSIBLE_KEYS, {"number": who.number}).fetchall()]
    return list(rows_of(session, Person(who.number, dict.fromkeys(KEYS, possible), who.addresses)))


def schemas() -> set[str]:
    """Return the schemas whose rows `erase` deletes itself."""
    return {connection.schema_of("history"), connection.audit_schema()}


def delete(session: psycopg.Connection[Any], tables: Iterable[Table], who: Person) -> dict[str, int]:
    """Delete the rows of a person from tables, and return their number by relation.

    Args:
        session: a session in autocommit mode or in a transaction.
        tables: the tables; one that was dropped meanwhile is left out.
        who: the person.
    """
    rows: dict[str, int] = {}
    for table in tables:
        if session.execute("select to_regclass(%s)", [table.identifier.as_string(session)]).fetchone() != (None,):
            condition = condition_of(table, who)
            assert condition is not None
            statement = sql.SQL("delete from {} where {}").format(table.identifier, condition[1])
            rows[f"{table.layer}.{table.name}"] = session.execute(statement).rowcount
    return rows


def _condition(table: str, number_column: str, who: Person) -> sql.Composed:
    delivered = Table(BRONZE, table, {NUMBER: "text"})
    condition = condition_of(delivered, who)
    assert condition is not None
    assert number_column == NUMBER, "rows of a person are found by this column (scripts/governance/people/held.py)"
    return condition[1]


def _forget_values(session: psycopg.Connection[Any], who: Person) -> int:
    name = (connection.audit_schema(), "column_profiles")
    if session.execute("select to_regclass(%s)", [".".join(name)]).fetchone() == (None,):
        return 0
    values = [str(who.number), *(str(key) for keys in who.keys.values() for key in keys)]
    return session.execute(
        sql.SQL(PROFILES).format(sql.Identifier(*name)), {"columns": [NUMBER, *KEYS], "values": values}
    ).rowcount


def _number(session: psycopg.Connection[Any], query: str, *parameters: object) -> int:
    ((number,),) = session.execute(query, parameters or None).fetchall()
    return int(number)
