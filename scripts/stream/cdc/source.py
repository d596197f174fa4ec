"""The source: what it has to offer, and what is wrong with it, in one line each that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow, class_row, dict_row

from scripts.errors import Refusal, printable
from scripts.stream.cdc import lsn
from scripts.stream.cdc.lsn import Lsn
from scripts.stream.cdc.replication import APPLICATION, FORMATS

# `pg_publication_tables` shows columns and row filters from this version on.
OLDEST_VERSION = 15
# Clocks of servers that are looked after agree to a second.
CLOCK_TOLERANCE_SECONDS = 60.0

SERVER = """
    select
        current_database() as database,
        current_user::text as user,
        current_setting('wal_level') as wal_level,
        current_setting('max_wal_senders')::integer as senders,
        pg_is_in_recovery() as is_standby,
        (select rolreplication or rolsuper from pg_roles where rolname = current_user) as may_replicate,
        extract(epoch from clock_timestamp())::float as clock
"""
PUBLICATION = """
    select pubinsert and pubupdate and pubdelete as is_whole, pubviaroot as via_root
    from pg_publication
    where pubname = %s
"""
PUBLICATIONS = "select coalesce(string_agg(pubname, ', ' order by pubname), 'none') from pg_publication"
TABLES = """
    select
        c.oid::bigint as oid,
        p.schemaname as schema,
        p.tablename as name,
        p.attnames::text[] as columns,
        p.rowfilter as row_filter,
        c.relkind = 'p' as is_partitioned,
        c.relispartition as is_partition,
        c.relreplident::text as identity,
        has_table_privilege(c.oid, 'select') as is_readable,
        array(
            select a.attname::text
            from pg_index as i
            cross join unnest(i.indkey::smallint[]) with ordinality as k (number, place)
            inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
            where
                i.indrelid = c.oid
                and case when c.relreplident = 'i' then i.indisreplident else i.indisprimary end
            order by k.place
        ) as key
    from pg_publication_tables as p
    inner join pg_namespace as n on n.nspname = p.schemaname
    inner join pg_class as c on c.relnamespace = n.oid and c.relname = p.tablename
    where p.pubname = %s
    order by p.schemaname, p.tablename
"""
SLOT = """
    select
        plugin, database, active_pid, wal_status, confirmed_flush_lsn::text as confirmed,
        to_jsonb(s) ->> 'invalidation_reason' as invalid
    from pg_replication_slots as s
    where slot_name = %s
"""


class PublishedTable(NamedTuple):
    """A table of the publication, as the catalog of the source has it."""

    oid: int
    schema: str
    name: str
    columns: list[str]
    row_filter: str | None
    is_partitioned: bool
    is_partition: bool
    identity: str
    is_readable: bool
    key: list[str]

    @property
    def relation(self) -> str:
        """Return the name with its schema."""
        return f"{self.schema}.{self.name}"

    def reading(self) -> sql.Composed:
        """Return the statement that copies the published rows and columns out."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        only = sql.SQL("" if self.is_partitioned else "only ")
        # The filter is an expression that the catalog of the source has deparsed.
        where = sql.SQL(f" where {self.row_filter}" if self.row_filter else "")
        table = sql.Identifier(self.schema, self.name)
        return sql.SQL("copy (select {} from {}{}{}) to stdout").format(columns, only, table, where)


class Slot(NamedTuple):
    """A replication slot of the source.

    Attributes:
        plugin: its output plugin; None for a physical slot.
        database: its database.
        active_pid: the process that reads it; None if no process does.
        wal_status: whether the source still has its log; `lost` if it has not.
        confirmed: what its reader has confirmed.
        invalid: why it cannot be read any more; None if it can.
    """

    plugin: str | None
    database: str | None
    active_pid: int | None
    wal_status: str | None
    confirmed: str | None
    invalid: str | None

    @property
    def confirmed_lsn(self) -> Lsn:
        """Return the confirmed position as a number."""
        return lsn.parsed(self.confirmed or "0/0")


class Server(NamedTuple):
    """What the source says of itself.

    Attributes:
        database: the database in use.
        clock: its time, in seconds since 1970.
    """

    database: str
    clock: float


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """Open an ordinary connection to the source, in autocommit mode.

    Raises:
        Refusal: the source does not answer, or does not let us in.
    """
    try:
        connection = psycopg.connect(
            make_conninfo(
                url,
                client_encoding="utf8",
                options=FORMATS,
                connect_timeout=10,
                fallback_application_name=APPLICATION,
            ),
            autocommit=True,
        )
    except psycopg.ProgrammingError as error:
        raise Refusal("the source is no URL such as postgresql://user@host:5432/shop: give one.") from error
    except psycopg.OperationalError as error:
        raise unreachable(error) from error
    with connection:
        version = connection.info.server_version // 10_000
        if version < OLDEST_VERSION:
            raise Refusal(f"the source is PostgreSQL {version}: version {OLDEST_VERSION} or newer is needed.")
        connection.execute("set search_path to pg_catalog, pg_temp")
        yield connection


class Unreachable(Refusal):
    """A server does not answer, which may pass."""


def unreachable(error: psycopg.Error) -> Unreachable:
    """Return what to say about a source that does not answer. libpq never repeats a password."""
    reason = " ".join(str(error).split()).rstrip(".")
    return Unreachable(f"cannot connect to the source: {reason}; start it, or check the URL. Nothing is lost.")


def examine(connection: psycopg.Connection[TupleRow], publication: str) -> tuple[Server, list[PublishedTable]]:
    """Return what the source offers.

    Raises:
        Refusal: the server, the user, the publication or a table is not fit for change data capture.
    """
    ((found),) = connection.cursor(row_factory=dict_row).execute(SERVER).fetchall()
    place = f"the source, database {found['database']}"
    if found["is_standby"]:
        raise Refusal(f"{place} is on a standby, where nobody can make a publication: name its primary in the URL.")
    if found["wal_level"] != "logical":
        raise Refusal(
            f"{place} has wal_level={found['wal_level']}: set wal_level=logical in its postgresql.conf and restart it."
        )
    if not found["senders"]:
        raise Refusal(f"{place} has max_wal_senders=0: set it to 4 in its postgresql.conf and restart it.")
    if not found["may_replicate"]:
        user = found["user"]
        raise Refusal(f"the user {user} of the source may not replicate: run `alter role {user} replication` there.")
    published = connection.cursor(row_factory=dict_row).execute(PUBLICATION, [publication]).fetchone()
    if published is None:
        ((names,),) = connection.execute(PUBLICATIONS).fetchall()
        raise Refusal(
            f"{place} has no publication {publication!r}; it has: {names}. Run `create publication {publication} for "
            "table ...` there, or name another with --publication."
        )
    if not published["is_whole"]:
        raise Refusal(
            f"the publication {publication} leaves out inserts, updates or deletes, so no table could be followed: run "
            f"`alter publication {publication} set (publish = 'insert, update, delete, truncate')`."
        )
    tables = connection.cursor(row_factory=class_row(PublishedTable)).execute(TABLES, [publication]).fetchall()
    if not tables:
        raise Refusal(
            f"the publication {publication} has no tables: run `alter publication {publication} add table ...`."
        )
    for table in tables:
        _check_table(table, publication, is_via_root=published["via_root"], user=found["user"])
    return Server(found["database"], found["clock"]), tables


def slot_of(connection: psycopg.Connection[TupleRow], slot: str) -> Slot | None:
    """Return a slot of the source, or None if there is none of this name."""
    return connection.cursor(row_factory=class_row(Slot)).execute(SLOT, [slot]).fetchone()


def check_slot(slot: Slot, name: str, server: Server) -> None:
    """Check that a slot can be read.

    Raises:
        Refusal: it is of another kind or database, or the source has deleted its log.
    """
    if slot.plugin != "pgoutput" or slot.database != server.database:
        kind = f"of the plugin {slot.plugin} in the database {slot.database}" if slot.plugin else "a physical slot"
        raise Refusal(f"the slot {name} is {kind}, not of pgoutput in {server.database}: name another with --slot.")
    if slot.invalid or slot.wal_status == "lost":
        raise Refusal(
            f"the slot {name} is lost ({slot.invalid or 'wal_removed'}): the source deleted log that was not read, so "
            "changes are missing. Raise max_slot_wal_keep_size there, then start over with --start-over."
        )


def _check_table(table: PublishedTable, publication: str, *, is_via_root: bool, user: str) -> None:
    name = printable(table.relation)
    if table.identity == "n" or not table.key:
        raise Refusal(
            f"the table {name} of the source has no primary key or no replica identity, so its changes could not be "
            f"assigned to rows: run `alter table {name} add primary key (...)`, and `alter table {name} replica "
            "identity default`."
        )
    missing = [column for column in table.key if column not in table.columns]
    if missing:
        raise Refusal(
            f"the publication {publication} leaves out {', '.join(missing)}, which is part of the key of {name}: "
            "publish the column as well."
        )
    if table.is_partition and not is_via_root:
        raise Refusal(
            f"the publication {publication} sends each partition, such as {name}, as a table: run `alter publication "
            f"{publication} set (publish_via_partition_root = true)`."
        )
    if not table.is_readable:
        raise Refusal(f"the user {user} of the source may not read {name}: run `grant select on {name} to {user}`.")
