"""The shapes in which text files arrive: encodings, delimiters, compression, another source."""

import gzip
import json

import psycopg
import pytest
from click.testing import CliRunner

from scripts.land import FileResult, land
from scripts.land.__main__ import main
from scripts.land.contract import CONTRACT
from scripts.land.files import unpack

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
CAFE = "1,85123A,CAFÉ SIGN €5,6,2010-12-01 08:26:00,2.55,17850.0,Réunion\n"
LANDED = [("1", "85123A", "CAFÉ SIGN €5", "6", "2010-12-01 08:26:00", "2.55", "17850.0", "Réunion")]


def query(database, statement: str) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(statement).fetchall()


def transactions(database) -> list[tuple]:
    return [row[:8] for row in query(database, "select * from bronze.transactions order by _file_id, _line")]


def land_bytes(database, tmp_path, name: str, content: bytes, **options) -> FileResult:
    path = tmp_path / name
    path.write_bytes(content)
    (file,) = land([path], database.url, **options).files
    assert file.outcome == "landed", file.detail
    return file


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "read as utf-16"),
        ("utf-16-le", "read as utf-16-le"),
        ("utf-16-be", "read as utf-16-be"),
        ("utf-32", "read as utf-32"),
        ("windows-1252", "read as windows-1252"),
    ],
)
def test_the_encoding_is_found_out_and_told(database, tmp_path, encoding, told):
    """Excel alone writes three of these encodings, depending on the menu entry used to save."""
    assert land_bytes(database, tmp_path, "a.csv", (HEADER + CAFE).encode(encoding)).detail == told
    assert transactions(database) == LANDED


def test_a_header_in_another_encoding_is_found_out_too(database, tmp_path):
    """The first bytes that are not UTF-8 may already be in the header."""
    path = tmp_path / "a.csv"
    path.write_bytes((HEADER.replace("Country", "Contrée") + CAFE).encode("windows-1252"))
    (file,) = land([path], database.url).files
    assert "found InvoiceNo" in file.detail
    assert "Contrée" in file.detail


def test_an_encoding_that_is_given_is_used(database, tmp_path):
    """The loader cannot distinguish some encodings, so the user must be able to name one."""
    land_bytes(
        database, tmp_path, "a.csv", (HEADER + CAFE.replace("€", "Ж")).encode("cp1251", "replace"), encoding="cp1251"
    )
    assert transactions(database)[0][2] == "CAF? SIGN Ж5"


def test_what_cannot_be_decoded_is_set_aside(database, tmp_path):
    """A replacement character in place of a letter would be invented data."""
    content = ("\ufeff" + HEADER + CAFE).encode("utf-16-le") + CAFE.replace("€", "\ud800").encode(
        "utf-16-le", "surrogatepass"
    )
    file = land_bytes(database, tmp_path, "a.csv", content, max_reject_share=0.5)
    assert [reject.line for reject in file.rejects] == [3]
    assert transactions(database) == LANDED


def test_broken_places_in_utf_8_do_not_change_the_encoding(database, tmp_path):
    """One bad byte must not turn every É of the file into Ã‰."""
    bad = CAFE.encode().replace(b"SIGN", b"\xe9 SIGN")
    file = land_bytes(database, tmp_path, "a.csv", HEADER.encode() + CAFE.encode() * 2 + bad, max_reject_share=0.5)
    assert [reject.reason for reject in file.rejects] == ["byte 0xe9 is not UTF-8"]
    assert transactions(database) == LANDED * 2


@pytest.mark.parametrize(
    ("name", "delimiter", "told"),
    [
        ("a.csv", ";", "read as semicolon; "),
        ("a.tsv", "\t", "read as tab; "),
        ("a.csv", "|", "read as bar; "),
        ("a.csv", ",", ""),
    ],
)
def test_the_delimiter_is_told_from_the_header(database, tmp_path, name, delimiter, told):
    """Half of Europe separates fields with semicolons, because its numbers contain commas."""
    text = (HEADER + CAFE).replace(",", delimiter).replace("2.55", '"2,55"') + "broken\n"
    file = land_bytes(database, tmp_path, name, text.encode(), max_reject_share=0.5)
    assert file.detail == told + "decimals read with the mark ',', proved by '2,55'"
    assert [reject.reason for reject in file.rejects] == ["1 fields instead of 8"]
    assert transactions(database) == [(*LANDED[0][:5], "2,55", *LANDED[0][6:])]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_what_stands_in_cells_is_no_delimiter(database, tmp_path, delimiter, rows):
    """A list in a cell may hold more semicolons than a short file has commas."""
    cells = ("85123A", "Bags; Garden;Toys;; Kitchen ; Toys;Candles;Storage", "1.25", "2010-12-01")
    written = [f'"{cell}"' if delimiter in cell else cell for cell in cells]
    lines = [delimiter.join(("StockCode", "Category", "Cost", "EffectiveDate")), *[delimiter.join(written)] * rows]
    file = land_bytes(database, tmp_path, "a.csv", "\n".join(lines).encode())
    assert (file.rows_loaded, file.rows_read) == (rows, rows)
    landed = query(database, "select stock_code, category, cost, effective_date from bronze.products")
    assert landed == [cells] * rows


@pytest.mark.parametrize("end", ["", "\n"], ids=["plain", "with a blank line"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_rows_keep_their_delimiter(database, tmp_path, delimiter, end):
    """The loader appends values to each row, and must separate them with the file's delimiter."""
    text = (HEADER + CAFE + end + CAFE).replace(",", delimiter)
    assert land_bytes(database, tmp_path, "a.csv", text.encode()).rows_loaded == 2
    assert transactions(database) == LANDED * 2


def test_gzip_is_unpacked_on_the_way(database, tmp_path):
    """The ledger records the hash of the file on disk, so that the user can verify it."""
    file = land_bytes(database, tmp_path, "a.csv.gz", gzip.compress((HEADER + CAFE).encode("utf-16")))
    assert file.detail == "read as gzip utf-16"
    assert transactions(database) == LANDED
    assert query(database, "select format from bronze.landed_files") == [("csv gzip utf-16",)]


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-9], lambda packed: b"plain text", lambda packed: b"\x1f\x8b"]
)
def test_a_damaged_gzip_file_is_refused(database, tmp_path, damage):
    """An interrupted upload must not land as a shorter file."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(damage(gzip.compress((HEADER + CAFE * 1000).encode())))
    (file,) = land([path], database.url).files
    assert (file.outcome, file.detail.split(":")[0]) == ("refused", "not a whole gzip file")


def test_a_gzip_bomb_is_refused(database, tmp_path, monkeypatch):
    """A file of 200 kB must not fill the disk of the database."""
    monkeypatch.setattr(unpack, "GROWTH_ALLOWED", 1 << 20)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress((HEADER + CAFE * 200_000).encode(), compresslevel=9))
    (file,) = land([path], database.url).files
    assert (file.outcome, file.detail) == ("refused", "unpacks to more than 200 times its size")


def test_a_dry_run_changes_nothing(database, tmp_path):
    """The user must be able to see the result for a folder before the folder lands."""
    (tmp_path / "a.csv").write_text(HEADER + CAFE)
    (tmp_path / "b.csv").write_text("")
    report = land([tmp_path], database.url, dry_run=True)
    assert [(file.outcome, file.rows_loaded) for file in report.files] == [("landed", 1), ("refused", 0)]
    assert query(database, "select to_regnamespace('bronze') is null") == [(True,)]


def test_a_dry_run_reports_the_time_of_each_file(database, tmp_path):
    """The JSON report is used to plan a landing, so a file cannot take longer than all files."""
    (tmp_path / "a.csv").write_text(HEADER + CAFE)
    report = land([tmp_path], database.url, dry_run=True)
    assert 0 < report.files[0].seconds < report.seconds


def test_a_file_that_cannot_be_read_keeps_its_place(database, tmp_path):
    """The report lists files in the order of the folder, so that the user finds each line where expected."""
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "b.csv").write_text(HEADER + CAFE)
    report = land([tmp_path], database.url)
    assert [(file.name, file.outcome) for file in report.files] == [("a.csv", "refused"), ("b.csv", "landed")]
    assert report.files[0].detail == "cannot be read: No such file or directory"


def test_a_second_source_needs_only_the_contract(database, tmp_path):
    """A new kind of file must need only a few lines of YAML."""
    contract = tmp_path / "sources.yml"
    contract.write_text(
        CONTRACT.read_text()
        + """
      - name: articles
        description: Articles.
        config: {meta: {landing: {formats: [csv]}}}
        columns:
          - name: stock_code
            description: Code.
            data_type: text
            config: {meta: {required: true, pii: none, purpose: pricing}}
          - name: colour
            description: Colour.
            data_type: text
            config: {meta: {spellings: [Color], pii: none, purpose: pricing}}
          - {name: size, description: Size., data_type: text, config: {meta: {pii: none, purpose: pricing}}}
"""
    )
    (tmp_path / "a.csv").write_text(HEADER + CAFE)
    (tmp_path / "b.csv").write_text("Color,Stock Code\nred,85123A\n")
    report = land([tmp_path], database.url, contract=contract)
    assert [(file.outcome, file.detail) for file in report.files] == [("landed", ""), ("landed", "without size")]
    assert query(database, "select * from bronze.articles") == [("85123A", "red", None, 2, 2, None)]
    assert query(database, "select source from bronze.landed_files order by file_id") == [
        ("transactions",),
        ("articles",),
    ]


def test_the_report_can_be_read_by_a_program(database, tmp_path, monkeypatch):
    """A scheduler needs fields, because it cannot understand sentences."""
    with psycopg.connect(database.url) as session:
        place = {"HOST": session.info.host, "USER": "postgres", "PASSWORD": "unused", "DATABASE": database.name}
    for name, value in place.items():
        monkeypatch.setenv(f"PG{name}", value)
    monkeypatch.setenv("DBT_TARGET", "ci")
    (tmp_path / "a.csv").write_text(HEADER + CAFE)
    (tmp_path / "b.csv").write_text("")
    result = CliRunner().invoke(main, [str(tmp_path), "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(f["name"], f["outcome"], f["rows_read"]) for f in report["files"]] == [
        ("a.csv", "landed", 1),
        ("b.csv", "refused", 0),
    ]


def test_an_unknown_encoding_is_wrong_usage():
    """A typing error must not be reported as an error in every file."""
    result = CliRunner().invoke(main, ["--encoding", "base64", "somewhere"])
    assert result.exit_code == 2
    assert "no encoding" in result.stderr
