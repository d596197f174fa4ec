"""Run contestants in turn, so that whatever else the machine does hits all of them alike."""

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

POLL_SECONDS = 0.02


@dataclass
class Row:
    """A line of a report.

    Attributes:
        name: what was measured.
        seconds: of each round.
        compared_with: the name of the row that it is compared with, if any.
        ratio: median of the rounds' ratios to that row.
        goal: the greatest ratio that is good enough, if there is one.
        note: what else there is to know.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    compared_with: str | None = None
    ratio: float | None = None
    goal: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """Return the median of the rounds, in seconds."""
        return statistics.median(self.seconds)


def in_turn(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Row]:
    """Time each contestant once a round.

    Args:
        contestants: what to call, by name; each leaves things as it found them.
        rounds: how often.
    """
    rows = {name: Row(name) for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            began = time.perf_counter()
            run()
            rows[name].seconds.append(time.perf_counter() - began)
    return rows


def compare(rows: Mapping[str, Row], name: str, other: str, goal: float) -> None:
    """Set one row beside another: the ratio of each round, of which the median counts."""
    pairs = zip(rows[name].seconds, rows[other].seconds, strict=True)
    rows[name].compared_with, rows[name].goal = other, goal
    rows[name].ratio = statistics.median(mine / theirs for mine, theirs in pairs)


def peak_memory(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds and the most memory that it took, in megabytes.

    Not by `getrusage`: what it says of a child includes what this process took when it forked.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    began, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, _high_water(process.pid))
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - began, peak


def _high_water(pid: int) -> float:
    """Return the most memory that a process has taken so far, where the system keeps account of it, else takes now."""
    with suppress(OSError, StopIteration, psutil.Error):
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
            return int(line.split()[1]) / 1024
        return float(psutil.Process(pid).memory_info().rss) / 1024**2
    # It has ended meanwhile.
    return 0.0


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as they stand in a result file."""
    return [
        {
            "name": row.name,
            "seconds": [round(seconds, 3) for seconds in row.seconds],
            "median": round(row.median, 3),
            "compared_with": row.compared_with,
            "ratio": row.ratio and round(row.ratio, 2),
            "goal": row.goal,
            "note": row.note,
        }
        for row in rows
    ]
