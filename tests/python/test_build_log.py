"""A build reports its progress in a log, and leaves a terminal to the progress bars."""

from io import StringIO

from rich.console import Console

from scripts.build.clock import Clock
from scripts.build.log import SECONDS_BETWEEN, Landing, Log


def test_a_log_gets_a_line_for_each_step_and_few_while_a_step_works() -> None:
    """A minute of silence in CI looks like a hang, and a line for each of 200 models buries the report."""
    now, console = 0.0, Console(file=StringIO(), width=200)
    log = Log(console, lambda: now)
    with Clock(log.say).step("land"):
        listener = Landing(log)
        listener.start(4_000)
        for number in range(4):
            now += SECONDS_BETWEEN / 2
            listener.advance(f"{number}.csv", 1_000, 10)
    assert console.file.getvalue().splitlines() == [
        "Working     0 s: land",
        "Working     10 s: land 1.csv, 20 rows so far, 50% of all bytes",
        "Working     20 s: land 3.csv, 40 rows so far, 100% of all bytes",
    ]


def test_a_terminal_gets_no_lines_of_progress() -> None:
    """There, bars show the progress and disappear."""
    console = Console(file=StringIO(), force_terminal=True)
    with Clock(Log(console).say).step("land"):
        pass
    assert console.file.getvalue() == ""
