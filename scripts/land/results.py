"""What became of each file, told to whoever asked for the landing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from scripts.land.rows import Reject

Outcome = Literal["landed", "skipped", "refused"]

REASONS_TOLD = 3


@dataclass(frozen=True)
class FileResult:
    """What became of one file.

    Attributes:
        name: the path relative to the folder that was given.
        outcome: whether it landed, had landed before, or was refused.
        detail: why it was skipped or refused, in one line; what there is to know otherwise, if anything.
        file_id: its number in the ledger if it landed now.
        sha256: the hash of its content if it landed now.
        bytes: its size.
        rows_loaded: rows that went into the table.
        rejects: rows that were set aside.
        seconds: how long it took.
    """

    name: str
    outcome: Outcome
    detail: str = ""
    file_id: int | None = None
    sha256: str = ""
    bytes: int = 0
    rows_loaded: int = 0
    rejects: Sequence[Reject] = ()
    seconds: float = 0.0

    @property
    def rows_read(self) -> int:
        """Return how many data rows the file has."""
        return self.rows_loaded + len(self.rejects)


@dataclass(frozen=True)
class LandingReport:
    """What became of all files, in their order."""

    files: Sequence[FileResult]
    passed_over: int
    seconds: float

    def of(self, outcome: Outcome) -> list[FileResult]:
        """Return the files of one outcome."""
        return [file for file in self.files if file.outcome == outcome]


def reasons(rejects: Sequence[Reject]) -> str:
    """Return the first rejects and why, for one line."""
    return "; ".join(f"line {reject.line}: {reject.reason}" for reject in islice(rejects, REASONS_TOLD))


def refusals(files: Iterable[FileResult]) -> list[str]:
    """Return a line for each refused file."""
    return [f"{file.name}: {file.detail}." for file in files if file.outcome == "refused"]
