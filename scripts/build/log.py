"""Report progress where the output is no terminal: a line for each step, and one now and then while a step works."""

import time
from collections.abc import Callable

from rich.console import Console

# The first word of each line, so that a reader can filter them out.
WORKING = "Working"
SECONDS_BETWEEN = 10.0


class Log:
    """Prints lines of progress to a log. On a terminal it prints nothing, because progress bars do.

    Args:
        console: where to print.
        clock: returns seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._began = self._printed = clock()

    def say(self, text: str) -> None:
        """Print a line.

        Args:
            text: what the build does now.
        """
        if self._console.is_terminal:
            return
        self._printed = self._clock()
        line = f"{WORKING:<11} {self._printed - self._began:.0f} s: {text}"
        self._console.print(line, soft_wrap=True, markup=False)

    def sometimes(self, text: str) -> None:
        """Print a line if the last one is some seconds ago.

        Args:
            text: how far the build is.
        """
        if self._clock() - self._printed >= SECONDS_BETWEEN:
            self.say(text)


class Landing:
    """A listener of the loader that reports to a log.

    Args:
        log: where to report.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._total = self._consumed = self._rows = 0

    def start(self, total: int) -> None:
        """Start with the number of bytes to land."""
        self._total, self._consumed = total, 0

    def advance(self, name: str, consumed: int, rows: int) -> None:
        """Add bytes and rows of one file that are done."""
        self._consumed += consumed
        self._rows += rows
        share = min(self._consumed / max(self._total, 1), 1)
        self._log.sometimes(f"land {name}, {self._rows:,} rows so far, {share:.0%} of all bytes")
