"""After a kill, or after two runs at once, the tables equal those of one clean run."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from scripts.errors import Refusal
from scripts.land import land
from scripts.paths import PROJECT_ROOT

FILES, ROWS = 6, 300
MOMENTS = 48

# Forks one loader for each number on stdin. The loader kills itself after that many function calls, in Python or in a
# library below it. A kill can therefore hit between any two messages to the server and any two lines of the loader.
NURSERY = """
import os, signal, sys
from pathlib import Path
from scripts.land import land

for order in sys.stdin:
    left = int(order)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    calls = 0
    def count(frame, event, argument):
        global calls
        if event in ("call", "c_call"):
            calls += 1
            if calls == left:
                os.kill(os.getpid(), signal.SIGKILL)
    if left:
        sys.setprofile(count)
    land([Path(sys.argv[1])], sys.argv[2], max_reject_share=0.5)
    sys.setprofile(None)
    Path(sys.argv[3]).write_text(str(calls))
    os._exit(0)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make small files, one with a broken row, one with a new column, and one of several blocks."""
    folder = tmp_path / "files"
    folder.mkdir()
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
    for number in range(FILES):
        rows = [f"{number}-{line},85123A,LANTERN,6,2010-12-01 08:26,2.55,17850,UK\n" for line in range(ROWS)]
        match number:
            case 2:
                rows[7] = "too,few\n"
            case 3:
                rows = [f"7,{row}" for row in rows]
            case 4:
                rows *= 80
        (folder / f"{number}.csv").write_text(f"{'Till,' if number == 3 else ''}{header}\n{''.join(rows)}")
    return folder


@pytest.fixture
def killed_after(database, folder, tmp_path) -> Iterator[Callable[[int], int]]:
    """Provide a loader that kills itself after a number of calls; 0 never kills it, -1 counts its calls."""
    told = tmp_path / "calls"
    command = [sys.executable, "-c", NURSERY, str(folder), database.url, str(told)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=PROJECT_ROOT, **pipes) as nursery:

        def run(calls: int) -> int:
            nursery.stdin.write(f"{calls}\n")
            nursery.stdin.flush()
            status = int(nursery.stdout.readline())
            assert status == (-signal.SIGKILL if calls > 0 else 0)
            return int(told.read_text()) if calls < 0 else 0

        yield run
        nursery.stdin.close()


def state(database) -> list[tuple]:
    """Return all that has landed, except the file numbers."""
    with psycopg.connect(database.url) as session:
        return session.execute(
            """
            select
                f.name, f.sha256, f.rows_read, f.rows_loaded, f.rows_rejected, count(t),
                (select count(*) from bronze.rejected_rows as r where r.file_id = f.file_id),
                md5(string_agg(concat_ws(',', t.invoice, t.country, t._line, t._extra), ' ' order by t._line))
            from bronze.landed_files as f
            full join bronze.transactions as t on t._file_id = f.file_id
            group by f.file_id
            order by f.name
            """
        ).fetchall()


def test_after_a_kill_at_any_moment_running_again_equals_a_clean_run(database, folder, killed_after):
    """A power failure, in the middle of a file or between two files, must not lose or duplicate rows."""
    # This run creates the tables, so that all later runs start with them.
    killed_after(0)
    clean = state(database)
    assert [row[0] for row in clean] == [f"{number}.csv" for number in range(FILES)]

    def start_over() -> None:
        with psycopg.connect(database.url) as session:
            session.execute("lock bronze.landed_files")
            for table in ("transactions", "rejected_rows", "landed_files"):
                session.execute(f"delete from bronze.{table}")

    start_over()
    calls = killed_after(-1)
    reached = set()
    for moment in range(MOMENTS):
        start_over()
        killed_after(1 + calls * moment // MOMENTS)
        left = state(database)
        assert set(left) <= set(clean)
        reached.add(len(left))
        killed_after(0)
        assert state(database) == clean
    # The moments prove something only if they are spread over all files.
    assert len(reached) >= FILES


def test_two_loaders_on_one_folder_land_each_file_once(database, folder):
    """A timer and a user may start the loader at the same moment."""
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: land([folder], database.url, max_reject_share=0.5), range(3)))
    assert [row[0] for row in state(database)] == [f"{number}.csv" for number in range(FILES)]
    outcomes = [[file.outcome for file in report.files] for report in reports]
    assert all(sorted(each) == ["landed", "skipped", "skipped"] for each in zip(*outcomes, strict=True))


def test_numbers_of_files_follow_the_order_of_commits(database, folder):
    """A reader that continues after its last file number must not miss a smaller number that commits later."""
    with ThreadPoolExecutor(2) as pool:
        list(
            pool.map(
                lambda paths: land(paths, database.url, max_reject_share=0.5),
                [sorted(folder.iterdir())[::-1], [folder]],
            )
        )
    with psycopg.connect(database.url) as session:
        (in_order,) = session.execute(
            """
            select array_agg(file_id order by file_id) = array_agg(file_id order by landed_at)
            from bronze.landed_files
            """
        ).fetchone()
    assert in_order
    assert len(state(database)) == FILES


def test_a_server_that_goes_away_is_told_in_one_line(database, folder):
    """The message must name a database restart at night as the cause."""

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
