"""Who wants to know how far the landing is."""

from typing import Protocol


class Progress(Protocol):
    """A listener."""

    def start(self, total: int) -> None:
        """Hear how many bytes there are to land."""

    def advance(self, name: str, consumed: int, rows: int) -> None:
        """Hear that so many more bytes of a file are done, and how many rows that was."""


class Silent:
    """A listener that does not listen."""

    def start(self, total: int) -> None:
        """Hear nothing."""

    def advance(self, name: str, consumed: int, rows: int) -> None:
        """Hear nothing."""
