"""Run contestants in turn, so that other load on the machine affects all of them alike."""

import math
import resource
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
        name: the name of the measurement.
        values: the value of each round.
        compared_with: the name of the row that this row is compared with, if any.
        ratio: the ratio of this row to that row.
        goal: the greatest ratio that is good enough, if there is one.
        note: further facts for the reader.
        unit: the unit of the values.
        ceiling: the greatest value that is good enough, if there is one.
        cpu: the CPU seconds of each round, if they were measured.
    """

    name: str
    values: list[float] = field(default_factory=list)
    compared_with: str | None = None
    ratio: float | None = None
    goal: float | None = None
    note: str = ""
    unit: str = "s"
    ceiling: float | None = None
    cpu: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median of the rounds."""
        return statistics.median(self.values)

    @property
    def is_good_enough(self) -> bool | None:
        """Return whether the row reaches all its goals, None if it has no goal."""
        pairs = [(self.median, self.ceiling), (self.ratio, self.goal)]
        reached = [value <= most for value, most in pairs if value is not None and most is not None]
        return all(reached) if reached else None

    def against(self, other: "Row", goal: float | None = None) -> "Row":
        """Compare this row with another and return this row.

        The ratio is the median of the rounds' ratios, or the ratio of the medians if the numbers of rounds differ.
        """
        self.compared_with, self.goal = other.name, goal
        if len(self.values) == len(other.values):
            pairs = zip(self.values, other.values, strict=True)
            self.ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        else:
            self.ratio = self.median / other.median
        return self


def in_turn(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Row]:
    """Time each contestant once a round.

    Args:
        contestants: the functions to call, by name; each leaves its surroundings unchanged.
        rounds: the number of rounds.
    """
    rows = {name: Row(name) for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            began = time.perf_counter()
            run()
            rows[name].values.append(time.perf_counter() - began)
    return rows


def peak_memory(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds and its peak memory in megabytes.

    `getrusage` does not work here: its figure for a child includes the memory of this process at the fork.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    began, peak = time.perf_counter(), 0.0
    process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, _high_water(process.pid))
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - began, peak


def cpu_of_children() -> float:
    """Return the CPU seconds of all ended child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values, 0 to 1, does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def _high_water(pid: int) -> float:
    """Return the peak memory of a process in megabytes, or its current memory where the system records no peak."""
    with suppress(OSError, StopIteration, psutil.Error):
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
            return int(line.split()[1]) / 1024
        return float(psutil.Process(pid).memory_info().rss) / 1024**2
    # The process has ended in the meantime.
    return 0.0


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows in the format of a result file."""
    return [
        {
            "name": row.name,
            "unit": row.unit,
            "values": [round(value, 3) for value in row.values],
            "median": round(row.median, 3),
            "cpu": [round(value, 3) for value in row.cpu],
            "ceiling": row.ceiling,
            "compared_with": row.compared_with,
            "ratio": row.ratio and round(row.ratio, 2),
            "goal": row.goal,
            "is_good_enough": row.is_good_enough,
            "note": row.note,
        }
        for row in rows
    ]
