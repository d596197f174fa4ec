"""What to capture and how, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.stream.cdc.lsn import Lsn

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What to capture, and how.

    Attributes:
        source: the source, as a libpq URI.
        warehouse: the warehouse, as a libpq URI.
        publication: the publication of the source.
        slot: the replication slot of the source, which the first run makes.
        once: whether to stop at the end of what the source had committed at the start.
        interval: the seconds for which changes are collected into one transaction.
        batch: the number of changes after which a transaction ends earlier.
        land_truncate: whether a truncate of the source lands, instead of stopping the capture.
        start_over: whether to drop the slot, and copy all tables again.
        most_lag_bytes: the lag in bytes that is worth a warning.
        most_lag_seconds: the lag in seconds that is worth a warning.
    """

    source: str
    warehouse: str
    publication: str = "warehouse"
    slot: str = "warehouse"
    once: bool = False
    interval: float = 0.5
    batch: int = 10_000
    land_truncate: bool = False
    start_over: bool = False
    most_lag_bytes: int = 1024**3
    most_lag_seconds: float = 60.0


@dataclass
class Report:
    """What a run has landed.

    Attributes:
        copied: the rows of the initial copy.
        changes: the changes.
        transactions: the transactions of the source that they are of.
        position: where the next run goes on.
        longest_lag: the longest time from a commit in the source to its landing, in seconds.
        seconds: how long the run took.
        was_connected: whether both sides were fit for a capture at least once.
        has_begun: whether the initial copy is there.
    """

    copied: int = 0
    changes: int = 0
    transactions: int = 0
    position: Lsn = 0
    longest_lag: float = 0.0
    seconds: float = 0.0
    was_connected: bool = False
    has_begun: bool = False
