"""The watch lands new files, each once it is complete."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from scripts.errors import Refusal
from scripts.land import watch as watching
from scripts.land.__main__ import main
from scripts.land.files.discovery import Discovery
from scripts.land.loading import land
from scripts.land.watch import Watch
from scripts.paths import PROJECT_ROOT

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROW = "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,UK\n"


def ready(watch: Watch) -> list[str]:
    return [delivery.name for delivery in watch.ready()]


def test_a_file_is_ready_once_it_has_stopped_growing(tmp_path, monkeypatch):
    """A file that is still being copied must not land as if it were whole."""
    clock = 100.0
    monkeypatch.setattr(watching.time, "monotonic", lambda: clock)
    watch, path = Watch([tmp_path], settled=2), tmp_path / "a.csv"
    assert ready(watch) == []
    path.write_text(HEADER)
    assert ready(watch) == []
    clock += 1.9
    path.write_text(HEADER + ROW)
    assert ready(watch) == []
    clock += 1.9
    assert ready(watch) == []
    clock += 0.2
    assert ready(watch) == ["a.csv"]
    watch.done(watch.ready())
    assert ready(watch) == []
    path.write_text(HEADER + ROW + ROW)
    assert ready(watch) == []
    clock += 2
    assert ready(watch) == ["a.csv"]


def test_who_is_told_to_stop_leaves_the_rest_for_later(database, tmp_path):
    """A folder of a thousand files must not delay a shutdown."""
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text(HEADER + ROW * (number + 1))
    found = Watch([tmp_path], settled=0).ready()
    asked = iter([False, True, True])
    report = land(Discovery(tuple(found)), database.url, stop=lambda: next(asked))
    assert [(file.name, file.outcome) for file in report.files] == [("0.csv", "landed")]


def test_files_wait_while_the_database_is_away(tmp_path, monkeypatch):
    """A database restart at night must not end the watch or lose a file."""
    monkeypatch.setattr(watching, "TRY_AGAIN_SECONDS", 0)
    monkeypatch.setattr(watching, "SETTLED_SECONDS", 0)
    monkeypatch.setattr(watching, "Watch", lambda folders: Watch(folders, settled=0))
    (tmp_path / "a.csv").write_text(HEADER + ROW)
    told, tries = [], []

    def landing(found):
        tries.append([delivery.name for delivery in found])
        if len(tries) == 1:
            raise Refusal("away")
        stop.set()
        raise Refusal("still away")

    with watching.stopped_by_signals() as stop:
        watching.watch([tmp_path], landing, told.append, stop)
    assert tries == [["a.csv"], ["a.csv"]]
    assert [refusal.message for refusal in told] == ["away", "still away"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_lands_what_is_dropped_and_stops_cleanly(database, tmp_path, number):
    """The watch runs as a service, so it must land new files and stop on a signal."""
    with psycopg.connect(database.url) as session:
        place = {
            "PGHOST": session.info.host,
            "PGUSER": "retail_builder",
            "PGPASSWORD": "-",
            "PGDATABASE": database.name,
        }
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.land", "--watch", "--json", str(tmp_path)],
        cwd=PROJECT_ROOT,
        env={"PATH": "", "DBT_TARGET": "ci", "PGPORT": "5432", **place},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr.readline().startswith("watching ")
        (tmp_path / "a.csv").write_text(HEADER + ROW)
        assert '"outcome": "landed"' in process.stdout.readline()
        time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == "stopped\n"
    with psycopg.connect(database.url) as session:
        assert session.execute("select count(*) from bronze.transactions").fetchone() == (1,)


@pytest.mark.parametrize("arguments", [[], [str(Path(__file__))], [str(Path(__file__).parent), "--dry-run"]])
def test_only_folders_are_watched(arguments):
    """A single file will not arrive again, so the watch accepts only folders."""
    assert CliRunner().invoke(main, ["--watch", *arguments]).exit_code == 2
