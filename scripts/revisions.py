"""The revisions of what dbt does not build: the ledger of bronze, the log of events, and their roles.

Each revision is a pair of SQL files in `migrations/versions`. Alembic runs them on a warehouse with data
(`make migrate`). A new warehouse runs all of them at once, and a landing asks one question, both without Alembic: to
import it takes as long as to land a day.
"""

from dataclasses import dataclass
from functools import cache

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "migrations" / "versions"
SCHEMA, TABLE = "bronze", "schema_revision"

# As Alembic makes it.
VERSION_TABLE = """
    create schema if not exists bronze;
    create table bronze.schema_revision (
        version_num varchar(32) not null,
        constraint schema_revision_pkc primary key (version_num)
    );
"""
IS_NEW = "select to_regclass('bronze.landed_files') is null"
# Without an object that is not there, because a revision may be older than the log.
RECORD = """
    do $record$
    begin
        if to_regprocedure('audit.record_event(text, text, jsonb)') is not null then
            perform audit.record_event('migration', {revision}, jsonb_build_object('way', {way}));
        end if;
    end $record$;
"""
# Gives the log to a role of its own.
PROTECT = PROJECT_ROOT / "migrations" / "protect.sql"
# Whether there is something to protect, and we may.
IS_UNPROTECTED = """
    select (select rolsuper from pg_roles where rolname = current_user) and exists (
        select
        from (
            select relowner as owner from pg_class where oid = to_regclass('audit.events')
            union all
            select nspowner from pg_namespace where nspname = 'audit' and to_regclass('audit.events') is not null
            union all
            -- The engine defines its function again when it changes.
            select proowner
            from pg_proc
            where pronamespace = to_regnamespace('audit') and proname <> 'compare_relations'
        ) as owners
        where owner <> coalesce(to_regrole('retail_audit_owner'), 0::oid)
        union all
        -- A superuser who migrates makes tables and functions that the role that builds has to own.
        select
        from (
            select relnamespace as namespace, relowner as owner from pg_class where relkind in ('r', 'p')
            union all
            select pronamespace, proowner from pg_proc
        ) as made
        inner join pg_namespace on made.namespace = pg_namespace.oid
        where pg_namespace.oid = to_regnamespace('bronze') and made.owner <> pg_namespace.nspowner
    )
"""
# The revision of a warehouse that is older than revisions.
UNSTAMPED = "0001, without a stamp"


@dataclass(frozen=True)
class Revision:
    """A step of the schema.

    Attributes:
        number: such as `0002`, which Alembic keeps in the warehouse.
        name: what it brings.
    """

    number: str
    name: str

    def statements(self, way: str) -> str:
        """Return the statements `up` to this revision, or `down` from it."""
        return (FOLDER / f"{self.number}_{self.name}.{way}.sql").read_text()


@cache
def revisions() -> tuple[Revision, ...]:
    """Return all revisions of this code, the first one first."""
    names = sorted(path.name.removesuffix(".up.sql") for path in FOLDER.glob("*.up.sql"))
    return tuple(Revision(*name.split("_", 1)) for name in names)


def head() -> str:
    """Return the number of the last revision of this code."""
    return revisions()[-1].number


def current(connection: psycopg.Connection[TupleRow]) -> str | None:
    """Return the revision of a warehouse, `UNSTAMPED`, or None if nothing has landed in it yet."""
    try:
        with connection.transaction():
            row = connection.execute("select version_num from bronze.schema_revision").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        row = None
    if row:
        return str(row[0])
    return None if connection.execute(IS_NEW).fetchone() == (True,) else UNSTAMPED


def is_missing(connection: psycopg.Connection[TupleRow]) -> bool:
    """Return whether a warehouse is new, so that `create` has to make its tables.

    Raises:
        Refusal: the warehouse is older or newer than this code.
    """
    found = current(connection)
    if found is None:
        return True
    if found != head():
        raise Refusal(mismatch(found))
    return False


def mismatch(found: str) -> str:
    """Say what to do about a warehouse of another revision than this code.

    Args:
        found: the revision of the warehouse.
    """
    stated = f"the warehouse is at revision {found}"
    if found == UNSTAMPED or found in [revision.number for revision in revisions()]:
        return f"{stated}, and this code needs {head()}: run `make migrate`. Nothing changed."
    return (
        f"{stated}, which this code does not know, because its last one is {head()}: check out the code that migrated "
        "the warehouse, or a newer one. Nothing changed."
    )


def create(connection: psycopg.Connection[TupleRow]) -> None:
    """Bring a new warehouse to the last revision.

    Args:
        connection: in a transaction that holds the landing lock.
    """
    connection.execute(VERSION_TABLE)
    for revision in revisions():
        connection.execute(revision.statements("up"))
    connection.execute(sql.SQL("insert into {} values ({})").format(sql.Identifier(SCHEMA, TABLE), sql.Literal(head())))
    # The limits of the revisions are those of a warehouse that is in use.
    connection.execute("set local lock_timeout to default; set local statement_timeout to default")


def protect(connection: psycopg.Connection[TupleRow]) -> None:
    """Give the log of events to a role that no user is a member of, if a superuser asks and it is not done yet.

    Args:
        connection: in autocommit mode.
    """
    if connection.execute(IS_UNPROTECTED).fetchone() == (True,):
        connection.execute(PROTECT.read_bytes())


def apply(number: str, way: str) -> None:
    """Run one way of a revision within Alembic, or print it for a reviewer, and record it in the log of events.

    Args:
        number: the revision.
        way: `up` or `down`.
    """
    from alembic import context, op  # noqa: PLC0415  # of the extra `migrate`

    (revision,) = (revision for revision in revisions() if revision.number == number)
    record = sql.SQL(RECORD).format(revision=sql.Literal(number), way=sql.Literal(way)).as_string()
    steps = [revision.statements(way), record]
    # The way down may remove the function that records it.
    for step in steps if way == "up" else reversed(steps):
        if context.is_offline_mode():
            # As it is: SQLAlchemy would read colons and double percent signs.
            context.get_context().impl.static_output(step)
        else:
            # Without parameters, the server takes several statements at once.
            op.get_bind().connection.driver_connection.execute(step)  # type: ignore[union-attr]
