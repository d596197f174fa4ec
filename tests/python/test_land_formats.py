"""The formats that are not plain text: packed files, workbooks, JSON Lines."""

import gzip
import json
import zipfile
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
import xlsxwriter
import zstandard

from scripts.land import FileResult, land
from scripts.land.files import unpack

NAMES = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
VALUES = ["1", "85123A", "CAFÉ, €5", "6", "2010-12-01 08:26:00", "2.55", "17850", "Réunion"]
CSV = (",".join(NAMES) + "\n" + ",".join(f'"{value}"' for value in VALUES) + "\n").encode()


def query(database, statement: str) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(statement).fetchall()


def transactions(database) -> list[tuple]:
    return query(database, "select * from bronze.transactions order by _file_id, _line")


def land_one(database, path: Path, **options) -> FileResult:
    (file,) = land([path], database.url, **options).files
    return file


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def workbook(path: Path, sheets: dict[str, list[list]]) -> Path:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for place, row in enumerate(rows):
                sheet.write_row(place, 0, row)
    return path


@pytest.mark.parametrize("content", [CSV, CSV.decode().encode("utf-16")], ids=["utf-8", "utf-16"])
@pytest.mark.parametrize("packing", ["zstd", "zip"])
def test_packed_text_is_unpacked_on_the_way(database, tmp_path, packing, content):
    """The ledger records the hash of the file on disk, so that the user can verify it."""
    path = tmp_path / ("a.csv.zst" if packing == "zstd" else "a.zip")
    if packing == "zstd":
        # Two frames, as parallel compressors write them.
        path.write_bytes(b"".join(zstandard.compress(half) for half in (content[:100], content[100:])))
    else:
        zipped(path, {"folder/a.csv": content, "__MACOSX/._a.csv": b"x", "folder/": b""})
    file = land_one(database, path)
    assert file.detail.startswith(f"read as {packing}")
    assert [row[:8] for row in transactions(database)] == [tuple(VALUES)]
    assert query(database, "select sha256, name from bronze.landed_files") == [(file.sha256, path.name)]


@pytest.mark.parametrize("left", [0, 1, 10, -9, -1])
@pytest.mark.parametrize("ending", ["gz", "zst", "zip"])
def test_a_packed_file_that_is_cut_short_is_refused(database, tmp_path, ending, left):
    """An interrupted upload must not land as a shorter or empty file."""
    whole = tmp_path / f"whole.csv.{ending}"
    match ending:
        case "gz":
            whole.write_bytes(gzip.compress(CSV + CSV[-60:] * 999))
        case "zst":
            whole.write_bytes(zstandard.compress(CSV * 1000))
        case "zip":
            zipped(whole, {"a.csv": CSV})
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(whole.read_bytes()[:left])
    file = land_one(database, path)
    assert file.outcome == "refused"
    kind = {"gz": "gzip", "zst": "zstd"}.get(ending, ending)
    assert file.detail.startswith((f"not a whole {kind} file", "the file is empty"))
    assert transactions(database) == []


@pytest.mark.parametrize("ending", ["zst", "zip", "xlsx"])
def test_a_bomb_is_refused(database, tmp_path, monkeypatch, ending):
    """A file of a few kB must not fill the memory of this machine or the disk of the database."""
    monkeypatch.setattr(unpack, "GROWTH_ALLOWED", 1 << 20)
    # Another process reads the workbook, with the usual bound.
    content = CSV + b" " * ((160 if ending == "xlsx" else 16) << 20) + b"\n"
    path = tmp_path / f"a.csv.{ending}".replace("csv.xlsx", "xlsx")
    match ending:
        case "zst":
            path.write_bytes(zstandard.compress(content))
        case "zip":
            zipped(path, {"a.csv": content})
        case "xlsx":
            zipped(path, {"xl/workbook.xml": content})
    file = land_one(database, path)
    assert (file.outcome, file.detail) == ("refused", "unpacks to more than 200 times its size")


def test_a_zip_file_of_several_is_refused(database, tmp_path):
    """The ledger has one row per file, so one archive must not contain two files."""
    file = land_one(database, zipped(tmp_path / "a.zip", {"a.csv": CSV, "b.csv": CSV}))
    assert file.detail == "holds 2 files where one is taken: zip each by itself, or unpack them"
    file = land_one(database, zipped(tmp_path / "b.zip", {"a.txt": CSV}))
    assert file.detail == "holds 'a.txt', which is of no known format"


def test_every_sheet_that_fits_lands(database, tmp_path):
    """The public download of Online Retail II is one workbook with a sheet for each year."""
    when = datetime(2010, 12, 1, 8, 26)  # a workbook stores no time zones
    path = workbook(
        tmp_path / "a.xlsx",
        {
            "Year 2009-2010": [
                NAMES,
                [489434, "85048", "a\nb", 12, when, 6.95, 13085, "UK"],
                [],
                ["C1", 22041, "x", -1],
            ],
            "Notes": [["Prices are in pounds."]],
            "Empty": [],
            "Year 2010-2011": [[], ["Till", *reversed(NAMES)], ["T1", "UK", None, 0.1, when, True, "y", "A", "536365"]],
        },
    )
    file = land_one(database, path)
    assert (file.outcome, file.rows_loaded) == ("landed", 3)
    assert file.detail.startswith("sheet 'Notes' passed over: the first row is no header")
    assert file.detail.endswith("; new columns kept in _extra: Till")
    text = "2010-12-01 08:26:00"
    assert transactions(database) == [
        ("489434", "85048", "a\nb", "12", text, "6.95", "13085", "UK", 1, 2, None),
        ("C1", "22041", "x", "-1", None, None, None, None, 1, 4, None),
        ("536365", "A", "y", "true", text, "0.1", None, "UK", 1, 8, {"Till": "T1"}),
    ]


def test_a_workbook_in_a_zip_file_lands(database, tmp_path):
    """The public download is a workbook in a zip file."""
    book = workbook(tmp_path / "a.xlsx", {"Sheet1": [NAMES, VALUES]})
    assert land_one(database, zipped(tmp_path / "b.zip", {"a.xlsx": book.read_bytes()})).detail == "read as zip"
    assert [row[:8] for row in transactions(database)] == [tuple(VALUES)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000),
            "the workbook is protected by a password, or older than .xlsx",
        ),
        (CSV, "not a whole zip file"),
        (b"", "the file is empty"),
    ],
)
def test_what_is_no_workbook_is_refused(database, tmp_path, content, complaint):
    """A traceback from deep inside a library does not tell the user what to do."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    file = land_one(database, path)
    assert (file.outcome, file.detail[: len(complaint)]) == ("refused", complaint)


def test_a_workbook_without_a_fitting_sheet_is_refused(database, tmp_path):
    """A file without any landed row must not look like a complete file."""
    file = land_one(database, workbook(tmp_path / "a.xlsx", {"Notes": [["hello"]]}))
    assert file.outcome == "refused"
    assert file.detail.startswith("sheet 'Notes' passed over: the first row is no header")


def test_values_of_json_lines_are_canonical_text(database, tmp_path):
    """A number has one text, whichever way it is written, and a long code keeps all its digits."""
    line = (
        '{"invoice": 12345678901234567890, "stock_code": "", "description": null, "quantity": -1, "InvoiceDate": true, '
        '"Price": 2.550, "CustomerID": 1e3, "Country": "\\u00e9", "tags": ["a", 1.50], "no": null}'
    )
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(f"\r\n{line}\r\n".encode()))
    assert "new columns kept in _extra: tags, no" in land_one(database, path).detail
    assert transactions(database) == [
        ("12345678901234567890", "", None, "-1", "true", "2.55", "1000", "é", 1, 2, {"tags": '["a", 1.5]'})
    ]


def test_broken_json_lines_are_set_aside(database, tmp_path):
    """One bad line must not stop a million other lines."""
    good = dict(zip(NAMES, VALUES, strict=True))
    bad = {
        b'{"InvoiceNo": 1,': "not JSON: Expecting property name enclosed in double quotes at character 17",
        b"[1]": "not an object",
        b'{"InvoiceNo": 1, "InvoiceNo": 2}': "a key occurs twice",
        b'{"InvoiceNo": "\\u0000"}': "a NUL character, which text in PostgreSQL cannot hold",
        b'{"InvoiceNo": "\\ud800"}': "half a surrogate pair, which is no text",
        b'{"InvoiceNo": "\xe9"}': "byte 0xe9 is not UTF-8",
        b"[" * 100_000: "not JSON: nested too deep",
    }
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\n".join([*bad, json.dumps(good).encode()]))
    file = land_one(database, path, max_reject_share=1)
    assert [(reject.line, reject.reason) for reject in file.rejects] == list(enumerate(bad.values(), 1))
    assert [row[:8] for row in transactions(database)] == [tuple(VALUES)]
