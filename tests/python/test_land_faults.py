"""Killed in the middle, or run twice at once: the tables are as after one clean run."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from scripts.errors import Refusal
from scripts.land import land
from scripts.paths import PROJECT_ROOT

FILES, ROWS = 6, 3000
# Dies by its own hand, so that the moment is the same on every machine.
SUICIDE = """
import os, signal, sys
from pathlib import Path
from scripts.land import land

class Fuse:
    left = int(sys.argv[3])
    def start(self, total):
        pass
    def advance(self, name, consumed, rows):
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

land([Path(sys.argv[1])], sys.argv[2], progress=Fuse())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a few files of several blocks each."""
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
    for number in range(FILES):
        rows = "".join(f"{number}-{line},85123A,LANTERN,6,2010-12-01 08:26,2.55,17850,UK\n" for line in range(ROWS))
        (tmp_path / f"{number}.csv").write_text(header + rows)
    return tmp_path


def state(database) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(
            """
            select f.name, f.rows_loaded, count(*), count(distinct t._line), min(t.invoice), max(t.invoice)
            from bronze.landed_files as f
            full join bronze.transactions as t on t._file_id = f.file_id
            group by f.name, f.rows_loaded
            order by f.name
            """
        ).fetchall()


CLEAN = [(f"{n}.csv", ROWS, ROWS, ROWS, f"{n}-0", f"{n}-999") for n in range(FILES)]


@pytest.mark.parametrize("moment", [1, 2, 3, 6, 9, 12])
def test_after_a_kill_running_again_equals_a_clean_run(database, folder, moment):
    """Power fails in the middle of a file as well as between two; nothing may be lost or doubled by it."""
    killed = subprocess.run(
        [sys.executable, "-c", SUICIDE, str(folder), database.url, str(moment)], cwd=PROJECT_ROOT, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert state(database) == CLEAN[: len(state(database))]
    land([folder], database.url)
    assert state(database) == CLEAN


def test_two_loaders_on_one_folder_land_each_file_once(database, folder):
    """A timer and a person may start it at the same moment."""
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: land([folder], database.url), range(3)))
    assert state(database) == CLEAN
    outcomes = [[file.outcome for file in report.files] for report in reports]
    assert all(sorted(each) == ["landed", "skipped", "skipped"] for each in zip(*outcomes, strict=True))


def test_numbers_of_files_follow_the_order_of_commits(database, folder):
    """Who reads on from the last number seen must never find a smaller one that came later."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda paths: land(paths, database.url), [sorted(folder.iterdir())[::-1], [folder]]))
    with psycopg.connect(database.url) as session:
        (in_order,) = session.execute(
            """
            select array_agg(file_id order by file_id) = array_agg(file_id order by landed_at)
            from bronze.landed_files
            """
        ).fetchone()
    assert in_order
    assert state(database) == CLEAN


def test_a_server_that_goes_away_is_told_in_one_line(database, folder):
    """A restart of the database in the night must read as what it was."""

    class Cutting:
        def start(self, total: int) -> None:
            with psycopg.connect(database.url, autocommit=True) as session:
                session.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'scripts.land'"
                )

        def advance(self, name: str, consumed: int, rows: int) -> None:
            pass

    with pytest.raises(Refusal, match=r"^0\.csv: the database gave up: "):
        land([folder], database.url, progress=Cutting())
