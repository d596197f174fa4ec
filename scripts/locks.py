"""Wait for an advisory lock: politely, with a limit, and with the name of whoever holds it.

Any role may take any advisory lock, so a wait without a limit would let any role stop all work. And a session that
waits inside of the server holds a snapshot, for which a release waits in turn. So we ask again and again instead.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row

# Builds of one warehouse hold this advisory lock, so that they run one after the other. So does what must not run
# beside a build.
BUILD_LOCK = 0x6275_696C_6400

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.25
# A wait of a moment is not worth a line.
SECONDS_OF_SILENCE = 2.0

TRY_SESSION = "select pg_catalog.pg_try_advisory_lock({})"
TRY_TRANSACTION = "select pg_catalog.pg_try_advisory_xact_lock({})"
# Within a transaction, pg_stat_activity stays as it was first read.
LOOK_AGAIN = "select pg_catalog.pg_stat_clear_snapshot()"
# A lock on one 64-bit number is listed under its two halves. Only members of pg_read_all_stats see since when.
HOLDER = """
    select
        l.pid,
        l.virtualtransaction as transaction,
        coalesce(a.usename, 'unknown') as role,
        coalesce(nullif(a.application_name, ''), 'none') as application,
        coalesce(a.xact_start, a.backend_start)::text as since
    from pg_catalog.pg_locks as l
    left join pg_catalog.pg_stat_activity as a on l.pid = a.pid
    where
        l.locktype = 'advisory'
        and l.granted
        and l.objsubid = 1
        and ((l.classid::bigint << 32) | l.objid::bigint) = {}
        and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
    limit 1
"""


class Holder(NamedTuple):
    """The session that holds a lock.

    Attributes:
        pid: its process on the server.
        transaction: its transaction, as everybody may see it.
        role: its role.
        application: its `application_name`.
        since: when its transaction began, or else when it connected; None if we may not see it.
    """

    pid: int
    transaction: str
    role: str
    application: str
    since: str | None

    def __str__(self) -> str:
        since = f", since {self.since}" if self.since else ""
        return f"process {self.pid} (role {self.role}, application {self.application}{since})"


def take(
    connection: psycopg.Connection[TupleRow],
    lock: int,
    *,
    what: str,
    patience: float,
    say: Callable[[str], None],
    statement: str = TRY_TRANSACTION,
) -> None:
    """Take a lock, and wait for it if need be.

    Args:
        connection: in a transaction without a snapshot for `TRY_TRANSACTION`, in autocommit mode for `TRY_SESSION`.
        lock: the number of the lock.
        what: what the lock is for, to follow "waiting for".
        patience: the seconds to wait for one transaction of another session.
        say: called once with a line that says for whom we wait.
        statement: takes the lock if it is free.

    Raises:
        psycopg.errors.LockNotAvailable: the same transaction still holds the lock when our patience ends. The message
            says which, and what to do.
    """
    number = sql.Literal(lock)
    asking, looking = sql.SQL(statement).format(number), sql.SQL(HOLDER).format(number)
    pause, began, waited_for, said = FIRST_PAUSE, time.monotonic(), None, False
    # Simple queries, without parameters and not prepared: after any other, the portal and its snapshot stay open in the
    # transaction until the next query.
    while connection.execute(asking, prepare=False).fetchone() != (True,):
        now = time.monotonic()
        connection.execute(LOOK_AGAIN, prepare=False)
        holder = connection.cursor(row_factory=class_row(Holder)).execute(looking, prepare=False).fetchone()
        if holder != waited_for:
            # The lock changes hands, so the others are at work.
            began, waited_for = now, holder
        if holder and now - began > patience:
            raise psycopg.errors.LockNotAvailable(
                f"waited {patience:.0f} s for {what}, which {holder} holds: wait until it is done, or end it with "
                f"`select pg_terminate_backend({holder.pid})`"
            )
        if holder and not said and now - began >= min(SECONDS_OF_SILENCE, patience / 2):
            said = True
            say(f"Waiting     for {what}, which {holder} holds")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
