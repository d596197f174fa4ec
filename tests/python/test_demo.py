"""The files of the demo are what its story says, and an interrupted demo leaves nothing behind."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from scripts.demo.story import BROKEN_DAY, CORRECTED_DAY, LATE_DAY, MORE_UNITS, set_aside
from scripts.paths import PROJECT_ROOT

HEADER = ["InvoiceNo", "StockCode", "Quantity"]


def write(path: Path, *rows: list[str]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])


def read(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_files_of_the_story(tmp_path: Path) -> None:
    """A late day is complete, a broken one has units in its numbers, and a correction delivers one invoice again."""
    landing, aside = tmp_path / "daily", tmp_path / "aside"
    landing.mkdir()
    for day in (LATE_DAY, BROKEN_DAY, CORRECTED_DAY):
        write(landing / f"{day}.csv", ["C1", "A", "-1"], ["2", "A", "6"], ["2", "B", "1"], ["3", "A", "4"])
    set_aside(landing, aside)
    assert [path.name for path in landing.iterdir()] == [f"{CORRECTED_DAY}.csv"]
    assert read(aside / f"{LATE_DAY}.csv")[2] == ["2", "A", "6"]
    assert read(aside / f"{BROKEN_DAY}.csv")[1:3] == [["C1", "A", "-1 pcs"], ["2", "A", "6 pcs"]]
    corrected = [["2", "A", str(6 + MORE_UNITS)], ["2", "B", str(1 + MORE_UNITS)]]
    assert read(aside / f"{CORRECTED_DAY}-corrected.csv")[1:] == corrected


def test_an_interrupted_command_stops_with_all_that_it_started(tmp_path: Path) -> None:
    """A build that goes on after Ctrl-C would work on a warehouse that is being deleted."""
    pids = tmp_path / "pids"
    # A job in the background outlives its shell.
    typed = f"sleep 300 & echo $! $$ > {pids}; sleep 300"
    code = (
        "import os; from scripts.demo.__main__ import run, termination_as_exit\n"
        f"with termination_as_exit(): run({typed!r}, os.environ)"
    )
    demo = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (pids.exists() and pids.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # What a terminal sends, SIGINT, is ignored where the tests run in the background.
    os.kill(demo.pid, signal.SIGTERM)
    time.sleep(0.1)
    # `make` passes the signal on, so it comes twice.
    os.kill(demo.pid, signal.SIGTERM)
    demo.wait(60)
    running = [pid for pid in map(int, pids.read_text().split()) if psutil.pid_exists(pid)]
    assert [pid for pid in running if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE] == []
