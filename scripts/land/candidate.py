"""A file as it was when the run began."""

import time
from dataclasses import dataclass

from scripts.land.discovery import Delivery
from scripts.land.results import FileResult, Outcome


@dataclass(frozen=True)
class Candidate:
    """A file that may land.

    Attributes:
        delivery: where it is and what it is called.
        size: how many bytes it had when the run began.
        changed_ns: when it had last been changed by then.
        began: when its turn came.
    """

    delivery: Delivery
    size: int
    changed_ns: int
    began: float = 0.0

    @property
    def name(self) -> str:
        """Return what the file is called in the ledger."""
        return self.delivery.name

    @property
    def seconds(self) -> float:
        """Return how long its turn has lasted."""
        return time.perf_counter() - self.began

    def result(self, outcome: Outcome, detail: str = "") -> FileResult:
        """Return the end of a file that does not land."""
        return FileResult(self.name, outcome, detail, bytes=self.size, seconds=self.seconds)

    def is_unchanged(self) -> bool:
        """Tell whether the file is still what it was."""
        now = self.delivery.path.stat()
        return (now.st_size, now.st_mtime_ns) == (self.size, self.changed_ns)


def look_at(delivery: Delivery) -> Candidate | FileResult:
    """Look at a file; return its refusal if it cannot be looked at."""
    try:
        state = delivery.path.stat()
    except OSError as error:
        return FileResult(delivery.name, "refused", f"cannot be read: {error.strerror or error}")
    return Candidate(delivery, state.st_size, state.st_mtime_ns)
