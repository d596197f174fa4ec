"""A boundary around one file: whatever its content does to the loader, one line says so, and the other files land."""

import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import polars as pl
import psutil
import psycopg
import pytest
import xlsxwriter
from click.testing import CliRunner

from scripts.land import land, lander
from scripts.land.__main__ import main
from scripts.land.contract import CONTRACT
from scripts.land.readers import apart

NAMES = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
VALUES = ["1", "85123A", "LANTERN", 6, "2010-12-01 08:26:00", 2.55, 17850, "France"]
CSV = ",".join(NAMES) + "\n" + ",".join(map(str, VALUES)) + "\n"


def query(database, statement: str) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(statement).fetchall()


def parquet(path: Path, **values: object) -> Path:
    row = dict(zip(NAMES, VALUES, strict=True)) | values
    pl.DataFrame([row]).write_parquet(path)
    return path


def workbook(path: Path, *, hidden: bool = False) -> Path:
    with xlsxwriter.Workbook(path) as book:
        for name in ["Shown", "Hidden"]:
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, NAMES)
            sheet.write_row(1, 0, [name, *VALUES[1:]])
        if hidden:
            sheet.hide()
    return path


def contract_with(folder: Path, key: str) -> Path:
    """Write the contract with another key of landing, in place of the time zone."""
    contract = folder / "sources.yml"
    assert "              time_zone: Europe/London\n" in CONTRACT.read_text()
    contract.write_text(CONTRACT.read_text().replace("time_zone: Europe/London", key or "new_columns: evolve"))
    return contract


def test_a_file_that_takes_too_long_is_refused(database, tmp_path, monkeypatch):
    """A file that keeps its library busy for ever must not keep the other files from landing."""
    monkeypatch.setattr(apart, "PATIENCE", 0.001)
    (tmp_path / "b.csv").write_text(CSV)
    parquet(tmp_path / "a.parquet")
    slow, good = land([tmp_path], database.url).files
    assert slow.detail == "reading it was given up after 0 s without a result"
    assert good.outcome == "landed"


def test_a_fault_of_the_loader_is_about_one_file(database, tmp_path, monkeypatch):
    """A traceback would keep all later files from landing, each night again."""
    fit = lander.fit

    def failing(header, *rest):
        if "Fault" in header:
            raise ZeroDivisionError("nobody\nthought of it")
        return fit(header, *rest)

    monkeypatch.setattr(lander, "fit", failing)
    (tmp_path / "a.csv").write_text("Fault\n1\n")
    (tmp_path / "b.csv").write_text(CSV)
    bad, good = land([tmp_path], database.url).files
    assert bad.detail == "the loader fails at it: ZeroDivisionError: nobody thought of it"
    assert good.outcome == "landed"


def test_no_process_is_left_behind(database, tmp_path):
    """A service that watches a folder for months must not collect processes."""
    parquet(tmp_path / "a.parquet")
    # Other tests may have left a process that nobody has waited for yet.
    before = set(psutil.Process().children())
    land([tmp_path], database.url)
    assert set(psutil.Process().children()) - before == set()


def test_the_process_apart_knows_no_password(monkeypatch):
    """Code that a file takes over must not reach the database."""
    seen: list[dict[str, str]] = []
    popen = subprocess.Popen
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("DBT_PASSWORD", "secret")
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: (seen.append(k["env"]), popen(*a, **k))[1])
    apart._Process().end()
    assert seen and "secret" not in seen[0].values()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound the memory of a process")
def test_memory_of_the_process_apart_is_bounded(database, tmp_path, monkeypatch):
    """A file of 6 kB can ask for more memory than the machine has."""
    monkeypatch.setattr(apart, "MEMORY", 200 << 20)
    workbook(tmp_path / "a.xlsx")
    with xlsxwriter.Workbook(tmp_path / "b.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "x")
        sheet.write(300_000, 30, "x")
    good, bad = land([tmp_path], database.url).files
    assert good.outcome == "landed", good.detail
    assert bad.detail == "reading it takes more than the 200 MiB of memory that a file may take"


def test_required_rows_refuse_a_file_without_rows(database, tmp_path):
    """Where each day has sales, a header alone is a broken export."""
    (tmp_path / "a.csv").write_text(CSV.splitlines()[0])
    contract = contract_with(tmp_path, "required_rows: true")
    (file,) = land([tmp_path / "a.csv"], database.url, contract=contract).files
    assert file.outcome == "refused"
    assert file.detail == "the file has a header but no rows, which the contract requires (`required_rows`)"


def test_hidden_sheets_land_if_the_contract_says_so(database, tmp_path):
    """Some tills keep their lines on a hidden sheet, behind a sheet with charts."""
    book = workbook(tmp_path / "a.xlsx", hidden=True)
    (file,) = land([book], database.url, contract=contract_with(tmp_path, "hidden_sheets: land")).files
    assert (file.rows_loaded, file.detail) == (2, "")


def test_without_a_time_zone_a_time_keeps_its_offset(database, tmp_path):
    """The loader must not guess whose local time a table holds."""
    when = datetime(2010, 7, 1, 12, tzinfo=timezone.utc)
    path = parquet(tmp_path / "a.parquet", InvoiceDate=when)
    land([path], database.url, contract=contract_with(tmp_path, ""))
    assert query(database, "select invoice_date from bronze.transactions") == [("2010-07-01 12:00:00+0000",)]


def test_refused_files_are_on_record(database, tmp_path):
    """The owner of the data looks for missing files later, when the output of the landing is gone."""
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text(CSV)
    land([tmp_path], database.url, dry_run=True)
    land([tmp_path], database.url)
    recorded = "select name, reason, refused_at > now() - interval '1 minute' from bronze.refused_files"
    assert query(database, recorded) == [("a.csv", "the file is empty", True)]


@pytest.fixture
def loader(database, monkeypatch):
    """Return the command, pointed at the database."""
    with psycopg.connect(database.url) as session:
        place = {"HOST": session.info.host, "USER": "retail_builder", "PASSWORD": "unused", "DATABASE": database.name}
    for name, value in place.items():
        monkeypatch.setenv(f"PG{name}", value)
    monkeypatch.setenv("DBT_TARGET", "ci")
    return lambda *arguments: CliRunner().invoke(main, list(map(str, arguments)))


@pytest.mark.parametrize("options", [[], ["--json"], ["--dry-run"]], ids=["text", "json", "dry run"])
def test_no_control_character_of_a_file_is_printed(loader, tmp_path, options):
    """A terminal obeys what a name, a header or a row says: it jumps, or turns the direction of the text."""
    odd = "\x1b[2J\u202e\x9b[/x]"
    (tmp_path / f"a{odd[:-4]}[x].csv").write_text(CSV + f"{odd}\n")
    (tmp_path / "b.csv").write_text(CSV.replace("InvoiceNo,", "InvoiceNo,\u202e\u2066new,").replace("1,", "1,2,", 1))
    (tmp_path / "c.csv").write_text("\u202e\u2066\x9bwrong\n1\n")
    printed = loader(tmp_path, *options)
    shown = printed.stdout + printed.stderr + loader("--status").stdout
    assert "new" in shown or options == ["--json"]
    assert not set(odd[:1] + "\u202e\u2066\x9b") & set(shown)
    assert all(line.isprintable() for line in shown.splitlines())


def test_a_name_with_markup_is_shown_as_it_is(loader, database, tmp_path):
    """The table of landed files must not fail at a name like `[/x].csv`."""
    (tmp_path / "[bold]a[b].csv").write_text(CSV)
    loader(tmp_path)
    assert "[bold]a[b].csv" in loader("--status").stdout
