"""Remove old versions of rows from the server's files. A deleted row stays there until its table is written again."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql

from scripts import connection

LAST_SEEN = """
    select format('process %%s (application %%s)', pid, coalesce(nullif(application_name, ''), 'none'))
    from pg_stat_activity
    where
        pid <> pg_backend_pid()
        and datname = current_database()
        and backend_xmin is not null
        and age(backend_xmin) >= age((%(transaction)s %% (2^32)::bigint)::text::xid)
    union all
    select format('replication slot %%s', slot_name)
    from pg_replication_slots
    where age(xmin) >= age((%(transaction)s %% (2^32)::bigint)::text::xid)
"""
# A relation that a build or a person has dropped meanwhile is left out, and so are the parts of partitioned facts,
# which a build replaces. The largest come first.
TABLES = """
    select c.relnamespace::regnamespace::text, c.relname
    from unnest(%s::text[]) as wanted (name)
    inner join pg_class as c on c.oid = to_regclass(wanted.name)
    where c.relkind in ('r', 'm')
    order by pg_table_size(c.oid) desc
"""
SEGMENTS_AHEAD = """
    select count(*)
    from pg_ls_waldir()
    where name ~ '^[0-9A-F]{24}$' and name > pg_walfile_name(pg_current_wal_insert_lsn())
"""
# The server tells all its processes at once that a setting has changed, and each looks when it has time.
SECONDS_FOR_A_SETTING = 10.0
WORKERS = 2
# Frequent values of columns, and the changes of a build.
CATALOG = ("pg_catalog.pg_statistic",)


def still_seen_by(session: psycopg.Connection[Any], transaction: int) -> list[str]:
    """Return who still sees rows that a transaction deleted. Their old versions stay on disk until these have ended.

    Args:
        session: a session of the superuser.
        transaction: the number of the transaction, of `pg_current_xact_id`.
    """
    return [who for (who,) in session.execute(LAST_SEEN, {"transaction": transaction}).fetchall()]


def rewrite(tables: Iterable[str]) -> None:
    """Write tables again without their old rows. Readers of a table wait meanwhile; readers of a release read others.

    Args:
        tables: their names, with the schema.
    """
    with connection.connect(name="forget", operator=True) as session:
        waiting = session.execute(TABLES, [list(tables)]).fetchall()
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(_rewrite, schema, name) for schema, name in waiting]:
            done.result()


def _rewrite(schema: str, name: str) -> None:
    with closing(connection.connect(autocommit=True, name="forget", operator=True)) as session:
        # Whoever reads a table for longer is named by `make health`, among the locks that wait.
        session.execute("set lock_timeout to '60s'")
        session.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.Identifier(schema, name)))


def clear_catalog_and_log(session: psycopg.Connection[Any]) -> None:
    """Remove old values from the statistics of columns, and old segments of the write-ahead log.

    Args:
        session: a session in autocommit mode, of the superuser of the embedded server.
    """
    for name in CATALOG:
        session.execute(f"vacuum (full) {name}")
    # A segment that would be used again keeps its content until then.
    session.execute("alter system set wal_recycle to off")
    try:
        session.execute("select pg_reload_conf()")
        _wait_for_reload(session)
        # Segments that wait to be used again are written over, and then removed.
        [(waiting,)] = session.execute(SEGMENTS_AHEAD).fetchall()
        for _ in range(waiting + 1):
            # An empty segment is not switched.
            session.execute("select pg_logical_emit_message(false, 'forget', '')")
            session.execute("select pg_switch_wal()")
        for _ in range(2):
            session.execute("checkpoint")
    finally:
        session.execute("alter system reset wal_recycle")
        session.execute("select pg_reload_conf()")


def _wait_for_reload(session: psycopg.Connection[Any]) -> None:
    """Wait until segments are not used again: the checkpointer learns of it when this session does."""
    end = time.monotonic() + SECONDS_FOR_A_SETTING
    while session.execute("show wal_recycle").fetchone() != ("off",) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.1)
