"""The history of measurements: one line of JSON for each measurement and round, committed with the project.

A line holds the commit, the machine without its name, and what the reference script took in the same run. The ratio to
the reference lets machines be compared.
"""

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scripts.bench.measure import Row
from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT
from scripts.warehouse.settings import machine_cores, machine_memory

FILE = PROJECT_ROOT / "bench" / "history.jsonl"
# What the benchmark itself writes.
WRITTEN = ("bench", "docs/bench_history.md", "docs/bench_history.svg")
# Of these parts, a row is no duration that is measured in rounds.
LEFT_OUT = ("nodes", "anomalies")
SECONDS = {"s": 1.0, "ms": 0.001}
REFERENCE = "reference script"
# Not every measurement knows them.
OPTIONAL = ("cpu", "reference_cpu")


@dataclass(frozen=True)
class Reference:
    """What the reference script took in a run, round by round.

    Attributes:
        seconds: its duration.
        cpu: its CPU seconds.
        lines: the lines that it loaded.
    """

    seconds: Sequence[float]
    cpu: Sequence[float]
    lines: int


@dataclass(frozen=True)
class Measurement:
    """A measurement in one round.

    Attributes:
        commit: the commit that was measured.
        dirty: whether files differed from it.
        at: when, in UTC.
        cpu_model: the machine: its processor.
        cores: its cores.
        memory_gb: its memory.
        part: the part of `make bench`.
        what: what was measured.
        round: the number of the round in its run.
        seconds: how long it took.
        cpu: its CPU seconds, if they were measured.
        reference: how long the reference script took in the same run, and in the same round if it ran in each.
        reference_cpu: its CPU seconds.
        rows: the lines that the reference script loaded, which tells data of different size apart.
    """

    commit: str
    dirty: bool
    at: str
    cpu_model: str
    cores: int
    memory_gb: float
    part: str
    what: str
    round: int
    seconds: float
    cpu: float | None
    reference: float
    reference_cpu: float | None
    rows: int

    @property
    def series(self) -> tuple[str, str, int]:
        """Return what it is a measurement of: values of one series may be compared."""
        return self.part, self.what, self.rows

    @property
    def version(self) -> str:
        """Return the commit, marked if files differed from it."""
        return f"{self.commit[:9]}{'+' if self.dirty else ''}"

    @property
    def ratio(self) -> float:
        """Return how many times as long as the reference script it took."""
        return self.seconds / self.reference


@dataclass(frozen=True)
class Code:
    """The code of a measurement.

    Attributes:
        commit: the commit that is checked out.
        dirty: whether files differ from it, the history of measurements aside.
    """

    commit: str
    dirty: bool


def code_of(folder: Path = PROJECT_ROOT) -> Code:
    """Return the code in a folder; `unknown` if git does not know.

    Args:
        folder: a checked out repository.
    """
    commit = _git(folder, "rev-parse", "HEAD").strip()
    changed = _git(folder, "status", "--porcelain", "--", ".", *(f":!{path}" for path in WRITTEN)).strip()
    return Code(commit or "unknown", not commit or bool(changed))


def measurements(
    code: Code, part: str, rows: Sequence[Row], reference: Reference, first: int = 1
) -> Iterator[Measurement]:
    """Yield the measurements of a part, one for each duration and round.

    Args:
        code: the code that was measured.
        part: the part of `make bench`.
        rows: its report.
        reference: what the reference script took in the same run.
        first: the number of the first round.
    """
    if part in LEFT_OUT:
        return
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for row in rows:
        if row.unit not in SECONDS:
            continue
        for place, value in enumerate(row.values):
            if not 0 < value < float("inf"):
                continue
            yield Measurement(
                **asdict(code),
                at=now,
                cpu_model=cpu_model(),
                cores=machine_cores(),
                memory_gb=round(machine_memory() / 1024**3, 1),
                part=part,
                what=row.name,
                round=first + place,
                seconds=round(value * SECONDS[row.unit], 4),
                cpu=round(row.cpu[place], 3) if len(row.cpu) == len(row.values) else None,
                reference=round(_of_round(reference.seconds, place, len(row.values)), 4),
                reference_cpu=round(_of_round(reference.cpu, place, len(row.values)), 3) if reference.cpu else None,
                rows=reference.lines,
            )


def append(found: Iterable[Measurement], file: Path = FILE) -> int:
    """Append measurements to the history, and return their number. All of them are written at once.

    Args:
        found: the measurements.
        file: the history.
    """
    lines = [json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in found]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as history:
        history.write("".join(lines))
    return len(lines)


def read(file: Path = FILE) -> list[Measurement]:
    """Return the measurements of a history, in the order of the file.

    Args:
        file: the history; one that does not exist holds none.

    Raises:
        Refusal: a line is none of `make bench`; the message names the line.
    """
    if not file.exists():
        return []
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if line.strip():
            try:
                found.append(_measurement(json.loads(line)))
            except (ValueError, TypeError, KeyError) as error:
                problem = " ".join(str(error).split())
                raise Refusal(
                    f"{file.name}: line {number} is no measurement: {problem}; delete the line, or restore it from git."
                ) from error
    return found


def cpu_model() -> str:
    """Return the processor, as the system names it."""
    found = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        found = named[1] if named else found
    return re.sub(r"[^\w .()@-]+", " ", found).strip() or "unknown"


def _of_round(values: Sequence[float], place: int, rounds: int) -> float:
    """Return the value of a round, or the middle one if the reference ran in other rounds."""
    return values[place] if len(values) == rounds else sorted(values)[len(values) // 2]


def _measurement(given: Any) -> Measurement:  # noqa: ANN401 - anything that JSON can hold
    if not isinstance(given, dict):
        raise TypeError("it is no object")
    names = {field.name: field.type for field in fields(Measurement)}
    if missing := [name for name in names if name not in given]:
        raise KeyError(f"it lacks {missing[0]}")
    if unknown := [name for name in given if name not in names]:
        raise KeyError(f"it has {unknown[0]}, which this version does not know")
    for name, kind in names.items():
        value = given[name]
        if kind is str and not isinstance(value, str):
            raise ValueError(f"{name} is no text")
        if kind is bool and not isinstance(value, bool):
            raise ValueError(f"{name} is neither true nor false")
        if kind in (str, bool) or (value is None and name in OPTIONAL):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ValueError(f"{name} is {value!r}, no number above 0")
    return Measurement(**given)


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=os.environ,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
