"""`make live` builds whenever files arrive, in a process that keeps dbt loaded."""

import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg
import pytest
from dbt_project import Dbt, environment, without_settings
from harness import Database

from scripts.live import resident
from scripts.paths import PROJECT_ROOT

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
LINE = "{number},85123A,LANTERN,6,2011-12-09 08:26:00,2.55,17850,United Kingdom\n"
# A build takes seconds, but other tests work on the same processors.
PATIENCE_SECONDS = 240.0


class Service(NamedTuple):
    """The command, as a user runs it.

    Attributes:
        process: its process.
        folder: the folder that it watches.
        told: what it writes to standard error, line by line.
    """

    process: subprocess.Popen[str]
    folder: Path
    told: "queue.Queue[str]"

    def says(self, pattern: str) -> str:
        """Wait for a line of standard error, and return it."""
        seen = []
        while not re.search(pattern, seen[-1] if seen else ""):
            seen.append(self.told.get(timeout=PATIENCE_SECONDS))
        return seen[-1]

    def deliver(self, name: str, text: str) -> str:
        """Deliver a file as a careful sender does, under its name once it is complete; return what becomes of it."""
        draft = self.folder.parent / name
        draft.write_text(text)
        draft.rename(self.folder / name)
        return self.says("watching|starting anew")


@pytest.fixture
def service(copy_of_built: Database, dbt: Dbt, tmp_path: Path) -> Iterator[Service]:
    """Start the command on a built warehouse and an empty folder; end it after the test."""
    ours = without_settings() | environment()
    ours |= {"DBT_TARGET_PATH": str(dbt.target_path), "DBT_LOG_PATH": str(tmp_path / "logs")}
    (folder := tmp_path / "arrivals").mkdir()
    command = [sys.executable, "-m", "scripts.live", str(folder)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=PROJECT_ROOT, env=ours, text=True, **pipes) as process:
        told: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=lambda: [told.put(line) for line in process.stderr], daemon=True)
        reader.start()
        service = Service(process, folder, told)
        try:
            service.says("^watching")
            yield service
        finally:
            process.kill()
    reader.join()


def lines(url: str, invoice: int) -> int:
    """Return the number of lines that readers see of an invoice."""
    query = "select count(*) from gold.fct_sales where invoice_number = %s"
    with psycopg.connect(url) as session:
        return session.execute(query, [str(invoice)]).fetchone()[0]


def test_files_are_in_gold_soon_after_they_arrive(service: Service, copy_of_built: Database) -> None:
    """A fork must build like a process of its own, time after time, and a file that is refused must end nothing."""
    assert service.deliver("a.csv", HEADER + LINE.format(number=990001)).startswith("built in")
    assert lines(copy_of_built.url, 990001) == 1
    assert service.deliver("b.csv", "no,sale\n1,2\n").startswith("failed with exit code 1")
    assert service.deliver("c.csv", HEADER + LINE.format(number=990002) * 2).startswith("built in")
    assert (lines(copy_of_built.url, 990001), lines(copy_of_built.url, 990002)) == (1, 2)
    forks = [child for child in psutil.Process(service.process.pid).children() if "scripts.live" in child.cmdline()]
    assert not forks, "a build was left behind"
    service.process.send_signal(signal.SIGTERM)
    assert service.says("stopped")
    assert service.process.wait(10) == 0


def test_edit_of_the_project_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process of weeks would build with the code of the day on which it started."""
    monkeypatch.setattr(resident, "CODE", tmp_path)
    before = resident._state()
    (tmp_path / "rule.py").write_text("")
    assert resident._state() != before
