"""Which files and rows land, which do not, and how the loader reports both."""

import json
import os
import shutil
from pathlib import Path

import polars as pl
import psycopg
import pytest
from click.testing import CliRunner

from scripts.errors import Refusal
from scripts.land import FileResult, LandingReport, land
from scripts.land.__main__ import main
from scripts.paths import PROJECT_ROOT

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
REAL = Path(os.environ.get("LANDING") or PROJECT_ROOT.parent / "shared" / "data" / "online_retail_ii")


def row(invoice: object) -> str:
    return f"{invoice},85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def query(database, statement: str) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(statement).fetchall()


def only(report: LandingReport) -> FileResult:
    (file,) = report.files
    return file


@pytest.fixture
def as_target(database, monkeypatch: pytest.MonkeyPatch):
    """Make the test's database the target of the command line."""
    with psycopg.connect(database.url) as session:
        place = {"HOST": session.info.host, "USER": "retail_builder", "PASSWORD": "unused", "DATABASE": database.name}
    for name, value in {**place, "PORT": "5432"}.items():
        monkeypatch.setenv(f"PG{name}", value)
    monkeypatch.setenv("DBT_TARGET", "ci")
    return database


def test_values_are_landed_as_delivered(database, tmp_path):
    """Bronze is the evidence, so the loader must not trim or convert values: no later step could undo that."""
    line = '536365, 85123a ,"say ""hi"", two\nlines",06,,2.550,"",\\N\n'
    land([write(tmp_path, "a.csv", HEADER + line)], database.url)
    assert query(database, "select * from bronze.transactions") == [
        ("536365", " 85123a ", 'say "hi", two\nlines', "06", None, "2.550", "", "\\N", 1, 2, None)
    ]


def test_columns_are_found_by_any_spelling_in_any_order(database, tmp_path):
    """The two halves of the real data name their columns differently, and the next file may order them differently."""
    text = (
        "country,customer_id,PRICE,Invoice Date,quantity,description,Stock_Code, invoice \nUK,1,2.5,d,6,LAMP,85123A,7\n"
    )
    land([write(tmp_path, "a.csv", "\ufeff" + text)], database.url)
    assert query(database, "select invoice, stock_code, unit_price, country from bronze.transactions") == [
        ("7", "85123A", "2.5", "UK")
    ]


def test_parquet_values_are_text_in_their_shortest_form(database, tmp_path):
    """A double of 6.95 that arrives as 6.9500000000000002 would not match the CSV of the same invoice."""
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {
            "Invoice": ["1", "2"],
            "StockCode": ["A", "B"],
            "Description": ["a,\r\n\"b'", ""],
            "Quantity": [6, -1],
            "InvoiceDate": pl.Series(["2010-12-01 08:26:00", "2010-12-01 08:26:00.5"]).str.to_datetime(time_unit="us"),
            "Price": [6.95, 2.0],
            "Customer ID": [17850, None],
            "Country": ["UK", None],
        }
    ).write_parquet(path)
    land([path], database.url)
    assert query(database, "select * from bronze.transactions order by _line") == [
        ("1", "A", "a,\r\n\"b'", "6", "2010-12-01 08:26:00", "6.95", "17850", "UK", 1, 2, None),
        ("2", "B", "", "-1", "2010-12-01 08:26:00.500", "2", None, None, 1, 3, None),
    ]


def test_a_parquet_row_that_text_cannot_hold_is_set_aside(database, tmp_path):
    """One row with a NUL byte must not stop a million other rows."""
    path = tmp_path / "a.parquet"
    columns = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
    pl.DataFrame({name: ["x\0y" if name == "Description" else "z", "ok", "ok"] for name in columns}).write_parquet(path)
    report = land([path], database.url, max_reject_share=0.5)
    assert only(report).rows_loaded == 2
    assert query(database, "select line, raw from bronze.rejected_rows") == [
        (2, json.dumps({name: "x\0y" if name == "Description" else "z" for name in columns}))
    ]


def test_files_land_in_the_order_of_their_relative_paths(database, tmp_path):
    """A later file corrects an earlier one, so the order must be the same on every machine."""
    for number, name in enumerate(["daily/2.csv", "b.csv", "daily/1.CSV", "a.csv"]):
        write(tmp_path, name, HEADER + row(number))
    land([tmp_path], database.url)
    assert query(database, "select file_id, name from bronze.landed_files order by file_id") == [
        (1, "a.csv"),
        (2, "b.csv"),
        (3, "daily/1.CSV"),
        (4, "daily/2.csv"),
    ]


def test_the_same_content_never_lands_twice(database, tmp_path):
    """Suppliers send a file again under another name, and its lines must not count twice."""
    first = write(tmp_path, "a.csv", HEADER + row(1))
    land([first], database.url)
    again = shutil.copy(first, tmp_path / "b.csv")
    report = land([first, again, again], database.url)
    assert [(file.outcome, file.detail) for file in report.files] == [("skipped", "already landed as a.csv")] * 3
    assert query(database, "select count(*) from bronze.transactions") == [(1,)]


def test_twins_in_one_run_land_once(database, tmp_path):
    """The loader looks up landed files before the run, but must still skip the second of two equal files."""
    write(tmp_path, "a.csv", HEADER + row(1))
    write(tmp_path, "b.csv", HEADER + row(1))
    report = land([tmp_path], database.url)
    assert [(file.outcome, file.detail) for file in report.files] == [
        ("landed", ""),
        ("skipped", "already landed as a.csv"),
    ]


def test_numbers_of_files_have_no_gaps_from_skipping(database, tmp_path):
    """Landing the same folder every hour must not use up file numbers."""
    write(tmp_path, "a.csv", HEADER + row(1))
    for _ in range(3):
        land([tmp_path], database.url)
    write(tmp_path, "b.csv", HEADER + row(2))
    land([tmp_path], database.url)
    assert query(database, "select array_agg(file_id order by file_id) from bronze.landed_files") == [([1, 2],)]


BROKEN = {
    "the file is empty": "",
    "the file holds blank lines only": "\n\r\n",
    "the header has no end: a quote is never closed, or there are no line breaks": '"' + HEADER + row(1),
    "two columns mean 'invoice': 'InvoiceNo' and 'INVOICE'": HEADER.replace("StockCode", "INVOICE") + row(1),
    "missing required column 'quantity' (spelled Quantity); found InvoiceNo, StockCode, Description, Quantty, "
    "InvoiceDate, UnitPrice, CustomerID, Country; did you mean 'Quantty'": HEADER.replace("Quantity", "Quantty")
    + row(1),
    "1 of 1 rows cannot be read, more than 0.01 of them: line 2: 9 fields instead of 8": HEADER + "x," + row(1),
}


@pytest.mark.parametrize(("message", "text"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_refused_file_is_explained_and_leaves_nothing(database, tmp_path, message, text):
    """One line with the cause saves a search, and no user would notice half a file in the table."""
    report = land([write(tmp_path, "a.csv", text)], database.url)
    assert (only(report).outcome, only(report).detail) == ("refused", message)
    assert query(database, "select count(*) from bronze.transactions") == [(0,)]
    assert query(database, "select count(*) from bronze.landed_files") == [(0,)]


def test_text_that_is_no_parquet_is_refused(database, tmp_path):
    """A wrong extension is common, and a traceback from deep inside a library does not name it."""
    file = only(land([write(tmp_path, "a.parquet", HEADER + row(1))], database.url))
    assert file.outcome == "refused"
    assert file.detail.startswith("not a readable Parquet file: ")


def test_a_refused_file_does_not_keep_others_from_landing(database, tmp_path):
    """Three hundred good files must not wait for one bad file."""
    write(tmp_path, "a.csv", HEADER + row(1))
    write(tmp_path, "b.csv", "")
    write(tmp_path, "c.csv", HEADER + row(2))
    report = land([tmp_path], database.url)
    assert [file.outcome for file in report.files] == ["landed", "refused", "landed"]
    assert query(database, "select invoice from bronze.transactions order by 1") == [("1",), ("2",)]


def test_broken_rows_are_set_aside_with_reasons(database, tmp_path):
    """The loader loads each row or records it with a reason, so that no row disappears silently."""
    good = "".join(row(number) for number in range(400))
    path = tmp_path / "a.csv"
    path.write_bytes((HEADER + good).encode() + b"too,few\n" + b"\x81" + row(1).encode() + b'"open,' + row(1).encode())
    file = only(land([path], database.url))
    assert (file.outcome, file.rows_read, file.rows_loaded) == ("landed", 403, 400)
    assert query(database, "select line, raw, reason from bronze.rejected_rows order by line") == [
        (402, "too,few", "2 fields instead of 8"),
        (403, "\\x81" + row(1).strip(), "byte 0x81 is not UTF-8"),
        (404, '"open,' + row(1).strip(), "a quote is opened and never closed"),
    ]
    assert query(database, "select rows_read, rows_loaded, rows_rejected from bronze.landed_files") == [(403, 400, 3)]


def test_inch_marks_do_not_join_rows(database, tmp_path):
    """Plain COPY reads the text between two inch marks as one quoted value, and merges two rows into one."""
    lines = row(1).replace("LANTERN", '5" PLATE') + row(2).replace("LANTERN", '6" PLATE')
    land([write(tmp_path, "a.csv", HEADER + lines)], database.url)
    assert query(database, "select invoice, description, _line from bronze.transactions order by _line") == [
        ("1", '5" PLATE', 2),
        ("2", '6" PLATE', 3),
    ]


def test_blank_lines_count_as_lines_but_are_no_rows(database, tmp_path):
    """The line number must match the line in an editor, and a blank last line is not a broken row."""
    land([write(tmp_path, "a.csv", HEADER + row(1) + "\n\r\n" + row(2) + "\n\n")], database.url)
    assert query(database, "select invoice, _line from bronze.transactions order by _line") == [("1", 2), ("2", 5)]


def test_a_file_that_changes_while_it_lands_is_refused(database, tmp_path):
    """The ledger must describe exactly the content that was loaded."""
    path = write(tmp_path, "a.csv", HEADER + "".join(row(number) for number in range(20_000)))

    class Appending:
        def start(self, total: int) -> None:
            with path.open("a") as file:
                file.write(row("late"))

        def advance(self, name: str, consumed: int, rows: int) -> None:
            pass

    file = only(land([path], database.url, progress=Appending()))
    assert (file.outcome, file.detail.split(":")[0]) == ("refused", "the file changed while it was landed")
    assert query(database, "select count(*) from bronze.transactions") == [(0,)]


def test_progress_adds_up_to_the_bytes_of_the_rows(database, tmp_path):
    """A progress bar that stops halfway or runs past its end is worse than no bar."""
    told: list[int] = []

    class Listening:
        def start(self, total: int) -> None:
            told.append(-total)

        def advance(self, name: str, consumed: int, rows: int) -> None:
            told.append(consumed)

    land([write(tmp_path, "a.csv", HEADER + row(1) * 5000)], database.url, progress=Listening())
    assert sum(told) == 0


def test_making_the_tables_again_changes_nothing(database, tmp_path):
    """Every run checks the tables, and DDL in every run would lock out readers."""
    write(tmp_path, "a.csv", HEADER + row(1))
    land([tmp_path], database.url)
    catalog = "select max(xmin::text::bigint) from pg_description"
    before = query(database, catalog)
    land([tmp_path], database.url)
    assert query(database, catalog) == before


def test_a_dropped_column_or_comment_is_made_again(database, tmp_path):
    """The tables must match the contract, also after the contract gains columns."""
    write(tmp_path, "a.csv", HEADER + row(1))
    land([tmp_path], database.url)
    with psycopg.connect(database.url) as session:
        session.execute("alter table bronze.transactions drop column country")
        session.execute("comment on table bronze.landed_files is null")
    land([tmp_path], database.url)
    assert query(database, "select obj_description('bronze.landed_files'::regclass) is not null") == [(True,)]
    assert query(database, "select country from bronze.transactions") == [(None,)]


def test_every_table_and_column_has_a_comment(database, tmp_path):
    """A user who opens the tables in an SQL client has no other documentation."""
    land([write(tmp_path, "a.csv", HEADER + row(1))], database.url)
    bare = """
        select c.relname, a.attname
        from pg_class as c
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
        where
            c.relnamespace = 'bronze'::regnamespace and c.relkind = 'r'
            and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
    """
    assert query(database, bare) == []


def test_links_out_of_the_folder_are_not_followed(database, tmp_path):
    """A folder that strangers can write to must not give access to other files on the machine."""
    outside = write(tmp_path, "outside/secret.csv", HEADER + row("secret"))
    write(tmp_path, "inbox/a.csv", HEADER + row(1))
    (tmp_path / "inbox" / "b.csv").symlink_to(outside)
    (tmp_path / "inbox" / "deep").symlink_to(outside.parent)
    report = land([tmp_path / "inbox"], database.url)
    assert [file.name for file in report.files] == ["a.csv"]
    assert report.passed_over == 1


FORMATS = ".csv, .tsv, .jsonl, .ndjson, .xlsx, .parquet, .zip; text also with .gz or .zst"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nowhere", "no such file or folder"),
        ("empty", f"nothing to land: no file of a known format ({FORMATS}) in this folder"),
        ("notes.txt", f"not a file of a known format ({FORMATS})"),
    ],
)
def test_a_path_that_cannot_be_landed_stops_the_run(database, tmp_path, name, complaint):
    """The order of landing matters, so the loader must report a mistyped path before any file lands."""
    (tmp_path / "empty").mkdir()
    write(tmp_path, "notes.txt", "")
    good = write(tmp_path, "a.csv", HEADER + row(1))
    with pytest.raises(Refusal) as refusal:
        land([good, tmp_path / name], database.url)
    assert refusal.value.message == f"{tmp_path / name}: {complaint}."
    assert query(database, "select to_regnamespace('bronze') is null") == [(True,)]


def test_a_database_of_another_encoding_is_refused(server, database, tmp_path):
    """An SQL_ASCII database does not check that text is valid."""
    with psycopg.connect(database.operator_url, autocommit=True) as session:
        session.execute("create database ascii_only encoding 'SQL_ASCII' locale 'C' template template0")
    try:
        with pytest.raises(Refusal, match="encoded in SQL_ASCII"):
            land([write(tmp_path, "a.csv", HEADER + row(1))], database.url.replace(database.name, "ascii_only"))
    finally:
        with psycopg.connect(database.operator_url, autocommit=True) as session:
            session.execute("drop database ascii_only with (force)")


def test_the_command_says_what_it_did(as_target, tmp_path):
    """A user reads the two lines of output, and a script reads the exit code."""
    write(tmp_path, "a.csv", HEADER + row(1) * 3)
    write(tmp_path, "notes.txt", "")
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(
        "1 landed, 0 skipped as landed before, 0 refused, 1 other files passed over; 3 rows loaded, 0 rejected, 0.0 MB"
    )
    write(tmp_path, "b.csv", "")
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert (result.exit_code, result.stderr) == (1, "Error: b.csv: the file is empty.\n")


def test_status_shows_the_ledger(as_target, tmp_path):
    """After each delivery, the user first asks whether it has landed."""
    land([write(tmp_path, "a.csv", HEADER + row(1) * 3)], as_target.url)
    result = CliRunner().invoke(main, ["--status"], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    assert "1 landed files, 3 rows" in result.stdout
    assert "a.csv" in result.stdout


def test_status_of_an_empty_database_is_empty(as_target):
    """A status query must not fail and must not create tables."""
    assert "0 landed files" in CliRunner().invoke(main, ["--status"]).stdout
    assert query(as_target, "select to_regnamespace('bronze') is null") == [(True,)]


@pytest.mark.parametrize("arguments", [[], ["--status", "somewhere"], ["--max-reject-share", "2", "somewhere"]])
def test_wrong_usage_is_exit_code_2(arguments):
    """A script must be able to distinguish a typing error from a bad file."""
    assert CliRunner().invoke(main, arguments).exit_code == 2


@pytest.mark.skipif(not REAL.exists(), reason="the real data is not on this machine")
def test_the_real_data_lands_whole(database):
    """The landed counts must equal counts that another engine computed independently."""
    report = land([REAL], database.url)
    assert {file.outcome for file in report.files} == {"landed"}
    assert query(
        database,
        """
        select f.name = '2009-2010.parquet', min(f.file_id), count(distinct f.file_id), count(*), max(t._line) > 0
        from bronze.transactions as t
        inner join bronze.landed_files as f on t._file_id = f.file_id
        group by 1
        order by 2
        """,
    ) == [(True, 1, 1, 525_461, True), (False, 2, 305, 541_909, True)]
    assert query(database, "select sum(rows_read), sum(rows_loaded) from bronze.landed_files") == [(1_067_370,) * 2]
