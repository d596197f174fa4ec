"""The story of the demo: its files and its commands. `make demo` tells it, `make pictures` records it."""

import csv
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

LATE_DAY, BROKEN_DAY, CORRECTED_DAY = "2011-03-03", "2011-03-04", "2011-03-02"
# The broken file writes every quantity with a unit, so none of its lines can be typed.
QUANTITY, UNIT = "Quantity", " pcs"
INVOICE = "InvoiceNo"
# The correction has so many more units in each line.
MORE_UNITS = 100
# Lines of output that a picture has room for: all of the first build, and the beginning of any other.
ALL, MANY, SOME = 22, 12, 9
# What a `make` around this process would tell those within.
FROM_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")

Row = list[str]


class Places(NamedTuple):
    """Where the files of the story are, as its commands name them.

    Attributes:
        landing: the folder of the files that land.
        aside: the folder of those that land later.
        build: the command that builds.
    """

    landing: str
    aside: str
    build: str


@dataclass(frozen=True)
class Step:
    """A command of the story.

    Attributes:
        typed: the command, for bash.
        look: what to look at in its output.
        most_lines: how many lines of its output a picture has.
        succeeds: whether its exit code has to be 0, or has to differ from 0.
    """

    typed: str
    look: str
    most_lines: int = SOME
    succeeds: bool = True


@dataclass(frozen=True)
class Chapter:
    """Steps that show one thing.

    Attributes:
        title: what they show.
        steps: the steps, in their order.
    """

    title: str
    steps: tuple[Step, ...]


def chapters(places: Places, *, with_correction: bool) -> list[Chapter]:
    """Return the story.

    Args:
        places: where its files are.
        with_correction: whether a correction lands as well. The picture of the README is shorter without it.
    """
    landing, aside, build = places

    def question(day: str, what: str) -> str:
        return f"psql -Atc \"select {what} from gold.fct_sales where date_day = '{day}'\""

    late, corrected = question(LATE_DAY, "count(*)"), question(CORRECTED_DAY, "sum(quantity)")
    beginning = [
        Chapter(
            "Build a warehouse from raw files",
            (Step(build, "Checks: all passed. Published: release 1.", ALL),),
        ),
        Chapter(
            "A late file changes the past",
            (
                Step(late, "No lines: the file of this day is late."),
                Step(f"cp {aside}/{LATE_DAY}.csv {landing} && {build}", "Landed: 1 file. Published: release 2."),
                Step(late, "The lines of the late file, on their own day."),
            ),
        ),
    ]
    correction = Chapter(
        "A correction replaces an invoice",
        (
            Step(corrected, "The units of the day before the correction."),
            Step(
                f"cp {aside}/{CORRECTED_DAY}-corrected.csv {landing} && {build}",
                "Landed: one invoice again, with more units. The last delivery counts. Published: release 3.",
            ),
            Step(corrected, "The units after the correction."),
        ),
    )
    end = [
        Chapter(
            "A broken file fails a check: readers keep the last release",
            (
                Step(
                    f"cp {aside}/{BROKEN_DAY}.csv {landing} && {build}",
                    "Error: which check failed, and where its rows are. Published: nothing.",
                    MANY,
                    succeeds=False,
                ),
                Step("make published", "The release that readers see, and which relations it changed."),
            ),
        ),
        Chapter(
            f"Take the release of the {'correction' if with_correction else 'late file'} back",
            (
                Step("make rollback", "One release back, without a build."),
                Step(corrected if with_correction else late, "Readers see what they saw before that release."),
            ),
        ),
    ]
    return [*beginning, *([correction] if with_correction else []), *end]


def set_aside(landing: Path, aside: Path) -> None:
    """Take two days out of the files, one to come late and one broken, and write a correction of a third.

    Args:
        landing: the folder of the files that land first.
        aside: a folder to make.
    """
    aside.mkdir()
    for day in (LATE_DAY, BROKEN_DAY):
        shutil.move(landing / f"{day}.csv", aside / f"{day}.csv")

    def with_unit(header: Row, rows: list[Row]) -> list[Row]:
        at = header.index(QUANTITY)
        return [[*row[:at], row[at] + UNIT, *row[at + 1 :]] for row in rows]

    def corrected(header: Row, rows: list[Row]) -> list[Row]:
        at, number = header.index(QUANTITY), header.index(INVOICE)
        first = next(row[number] for row in rows if row[number].isdigit())
        return [[*row[:at], str(int(row[at]) + MORE_UNITS), *row[at + 1 :]] for row in rows if row[number] == first]

    _rewrite(aside / f"{BROKEN_DAY}.csv", aside / f"{BROKEN_DAY}.csv", with_unit)
    _rewrite(landing / f"{CORRECTED_DAY}.csv", aside / f"{CORRECTED_DAY}-corrected.csv", corrected)


def _rewrite(source: Path, target: Path, change: Callable[[Row, list[Row]], list[Row]]) -> None:
    with source.open(newline="") as file:
        header, *rows = csv.reader(file)
    with target.open("w", newline="") as file:
        csv.writer(file).writerows([header, *change(header, rows)])


def environment() -> dict[str, str]:
    """Return the variables for the story's commands, without what a `make` around it, or a target, would change."""
    return {name: value for name, value in os.environ.items() if name not in (*FROM_MAKE, "DBT_TARGET")}
