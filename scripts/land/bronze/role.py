"""The role that lands files. It can add rows to bronze, and do nothing else, even if the loader has a fault.

The user who connects creates the tables and this role, then sets the role before the first file. The role cannot log
in, owns nothing, and cannot read the rows that it lands. A file with new columns needs a temporary table, which any
role may create unless that right is revoked. A user who may neither set nor create the role lands files with the user's
own rights. A member of the role can land files without any other right.
"""

from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row

from scripts.errors import Refusal
from scripts.land.contract import LEDGER_TABLES, Contract

ROLE = "retail_loader"

STATE = """
    select
        exists (select from pg_roles where rolname = %(role)s) as exists,
        coalesce((select pg_has_role(oid, 'set') from pg_roles where rolname = %(role)s), false) as usable,
        (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as creatable,
        (
            select count(*)
            from pg_class as c
            inner join pg_roles as r on has_table_privilege(r.oid, c.oid, 'insert')
            where r.rolname = %(role)s and c.relnamespace = to_regnamespace(%(schema)s) and c.relname = any(%(tables)s)
        ) as tables
"""
LEDGER_RIGHTS = """
    grant usage on schema bronze to retail_loader;
    grant select on bronze.schema_revision to retail_loader;
    grant usage on sequence bronze.landed_files_file_id_seq to retail_loader;
    grant select, insert, update (rows_loaded, rows_rejected) on bronze.landed_files to retail_loader;
    grant select, insert, delete, update (reason) on bronze.rejected_rows to retail_loader;
    grant insert on bronze.refused_files to retail_loader;
"""
# The log may belong to another role than the ledger (migrations/protect.sql), and keeps its rights.
MAY_RECORD = """
    select
        has_schema_privilege(%s, 'audit', 'usage')
        and has_function_privilege(%s, 'audit.record_landing(text, bigint, integer)', 'execute')
"""
EVENT_RIGHTS = """
    grant usage on schema audit to retail_loader;
    grant execute on function audit.record_landing(text, bigint, integer) to retail_loader;
"""


class State(NamedTuple):
    """The state of the role.

    Attributes:
        exists: whether the role exists.
        usable: whether the user may set the role.
        creatable: whether the user may create the role.
        tables: the number of tables that the role may write to.
    """

    exists: bool
    usable: bool
    creatable: bool
    tables: int


def is_lacking(connection: psycopg.Connection[TupleRow], contract: Contract) -> bool:
    """Return whether the role or a right of it is missing, and the user may create it."""
    state = _state(connection, contract)
    complete = state.usable and state.tables == len(_tables(contract))
    return not complete and (state.usable or state.creatable)


def make(connection: psycopg.Connection[TupleRow], contract: Contract) -> None:
    """Create the role, grant its rights, and make the user a member. The tables must exist.

    Args:
        connection: in a transaction.
        contract: the tables that take files.
    """
    if not _state(connection, contract).exists:
        try:
            with connection.transaction():
                connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(ROLE)))
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            # Roles belong to the server: a loader of another database has just created it.
            pass
    connection.execute(LEDGER_RIGHTS)
    if connection.execute(MAY_RECORD, [ROLE, ROLE]).fetchone() != (True,):
        connection.execute(EVENT_RIGHTS)
    for landing in contract.landings:
        table = sql.Identifier(contract.schema, landing.table)
        connection.execute(sql.SQL("grant insert on {} to {}").format(table, sql.Identifier(ROLE)))
    if not _state(connection, contract).usable:
        connection.execute(
            sql.SQL("grant {} to current_user with set true, inherit false").format(sql.Identifier(ROLE))
        )


def step_down(connection: psycopg.Connection[TupleRow], contract: Contract) -> None:
    """Set the role, if the user may."""
    if _state(connection, contract).usable:
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(ROLE)))


def refuse_without_record(connection: psycopg.Connection[TupleRow]) -> None:
    """Refuse to land files without an event.

    Raises:
        Refusal: the user in force may not record a landing.
    """
    user = connection.execute("select current_user::text").fetchall()[0][0]
    if connection.execute(MAY_RECORD, [user, user]).fetchone() != (True,):
        raise Refusal(
            f"the user {user} may not record landings in the log of events: run `make migrate` as a superuser, then "
            f"grant usage on schema audit and execute on audit.record_landing to {user}. Nothing landed."
        )


def _tables(contract: Contract) -> list[str]:
    return [*LEDGER_TABLES, *(landing.table for landing in contract.landings)]


def _state(connection: psycopg.Connection[TupleRow], contract: Contract) -> State:
    parameters = {"role": ROLE, "schema": contract.schema, "tables": _tables(contract)}
    (state,) = connection.cursor(row_factory=class_row(State)).execute(STATE, parameters).fetchall()
    return state
