"""The result of a landing: the outcome of each file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from scripts.land.rows import Reject

Outcome = Literal["landed", "skipped", "refused"]

REASONS_SHOWN = 3


@dataclass(frozen=True)
class FileResult:
    """The outcome of one file.

    Attributes:
        name: the path relative to the given folder.
        outcome: the file landed, was skipped because it landed before, or was refused.
        detail: why the file was skipped or refused, in one line; remarks about a landed file, if there are any.
        file_id: its number in the ledger, if it landed now.
        sha256: the hash of its content, if it landed now.
        bytes: its size.
        rows_loaded: the number of rows in the table.
        rejects: the rejected rows.
        seconds: the time that the file took.
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
        """Return the number of data rows in the file."""
        return self.rows_loaded + len(self.rejects)


@dataclass(frozen=True)
class LandingReport:
    """The outcomes of all files, in their order."""

    files: Sequence[FileResult]
    passed_over: int
    seconds: float

    def of(self, outcome: Outcome) -> list[FileResult]:
        """Return the files with one outcome."""
        return [file for file in self.files if file.outcome == outcome]


def reasons(rejects: Sequence[Reject]) -> str:
    """Return the first rejected rows with their reasons, in one line."""
    return "; ".join(f"line {reject.line}: {reject.reason}" for reject in islice(rejects, REASONS_SHOWN))


def refusals(files: Iterable[FileResult]) -> list[str]:
    """Return one line for each refused file."""
    return [f"{file.name}: {file.detail}." for file in files if file.outcome == "refused"]
