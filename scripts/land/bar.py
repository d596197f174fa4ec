"""Show a progress bar on a terminal: bytes, rows per second, time left."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bar:
    """A listener that shows a progress bar."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._began = 0.0
        self._rows = 0

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def start(self, total: int) -> None:
        """Show a new bar in place of the previous one."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task("landing", total=total, speed="")
        self._began, self._rows = time.perf_counter(), 0

    def advance(self, name: str, consumed: int, rows: int) -> None:
        """Move the bar, and show the speed."""
        if self._task is None or self._progress.disable:
            return
        self._rows += rows
        speed = self._rows / max(time.perf_counter() - self._began, 0.001)
        self._progress.update(self._task, advance=consumed, description=name, speed=f"{speed:,.0f} rows/s")
