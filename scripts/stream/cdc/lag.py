"""How far the warehouse is behind the source, and how much log the source keeps for it."""

from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow, class_row

MB = 1024**2

LAG = """
    select
        pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint as bytes,
        pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint as kept,
        safe_wal_size as room,
        (select setting::bigint from pg_settings where name = 'max_slot_wal_keep_size') as limit_mb
    from pg_replication_slots
    where slot_name = %s
"""


class Lag(NamedTuple):
    """The distance between the source and what was confirmed.

    Attributes:
        bytes: log that was written and is not confirmed.
        kept: log that the source keeps on its disk for the slot.
        room: log that may be written before the source drops the slot; None if it never does.
        limit_mb: `max_slot_wal_keep_size`; -1 without a limit.
    """

    bytes: int
    kept: int
    room: int | None
    limit_mb: int


def measure(connection: psycopg.Connection[TupleRow], slot: str) -> Lag | None:
    """Return the lag of a slot; None if it is gone."""
    return connection.cursor(row_factory=class_row(Lag)).execute(LAG, [slot]).fetchone()


def warnings(lag: Lag, seconds: float, *, most_bytes: int, most_seconds: float) -> list[str]:
    """Return a line for each limit that is passed.

    Args:
        lag: as measured.
        seconds: the age of the oldest change that has not landed.
        most_bytes: the limit of the lag in bytes.
        most_seconds: the limit of the lag in seconds.
    """
    found = []
    if lag.bytes > most_bytes:
        found.append(
            f"the slot is {lag.bytes // MB:,} MB behind, more than {most_bytes // MB:,} MB: run the capture all the "
            "time, or find what blocks it"
        )
    if seconds > most_seconds:
        found.append(f"changes land {seconds:,.0f} s after their commit, more than {most_seconds:,.0f} s")
    # Half of the limit is used up.
    if lag.room is not None and lag.limit_mb > 0 and lag.room < lag.limit_mb * MB // 2:
        found.append(
            f"the source drops the slot after {max(0, lag.room) // MB:,} MB more of log (max_slot_wal_keep_size): let "
            "the capture run, or raise the limit"
        )
    return found


def unlimited(lag: Lag) -> str | None:
    """Return a warning if the slot could fill the disk of the source."""
    if lag.limit_mb >= 0:
        return None
    return (
        "the source keeps its log without a limit while nobody reads the slot, until its disk is full: set "
        "max_slot_wal_keep_size there, such as 8GB"
    )
