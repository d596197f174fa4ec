"""Report the progress of a landing."""

from typing import Protocol


class Progress(Protocol):
    """A listener for progress."""

    def start(self, total: int) -> None:
        """Start with the number of bytes to land."""

    def advance(self, name: str, consumed: int, rows: int) -> None:
        """Add bytes and rows of one file that are done."""


class Silent:
    """A listener that shows nothing."""

    def start(self, total: int) -> None:
        """Do nothing."""

    def advance(self, name: str, consumed: int, rows: int) -> None:
        """Do nothing."""
