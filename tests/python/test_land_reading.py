"""How a file writes dates and numbers is declared or proved by its rows, and never guessed."""

from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from scripts.errors import Refusal
from scripts.land import FileResult, land
from scripts.land.contract import CONTRACT, read_contract
from scripts.land.reading import FIRST_ROWS

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


class File(NamedTuple):
    """The dates, quantities and prices of a file, and what must become of it."""

    dates: tuple[str, ...] = ("2010-12-01 08:26:00",)
    quantities: tuple[str, ...] = ("6",)
    prices: tuple[str, ...] = ("2.55",)
    reading: dict[str, str] | None = None
    says: str = ""
    outcome: str = "landed"

    @property
    def text(self) -> str:
        """Return the file, as long as its longest column."""
        rows = max(map(len, self[:3]))
        columns = [(list(column) * rows)[:rows] for column in self[:3]]
        return HEADER + "".join(
            f'{number},85123A,"SET 3, RED","{quantity}",{date},"{price}",17850,United Kingdom\n'
            for number, (date, quantity, price) in enumerate(zip(*columns, strict=True))
        )


MDY, DMY, YMD = ({"date_order": order} for order in ("mdy", "dmy", "ymd"))
COMMA, POINT = ({"decimal_mark": mark} for mark in ",.")
FILES = {
    "plain": File(),
    "plain, with all that needs no reading": File(
        dates=("2010-12-01T08:26", "2010/12/1 8:26", "2010-12-01T08:26:00Z", "NULL", "yesterday"),
        quantities=("6", "(3)", "5-", "1e3", "12.00"),
        prices=("2.55", "£2.55", "1 234.50", "1.234", "", "tbc"),
    ),
    "American": File(
        dates=("12/1/2010 8:26", "12/13/2010 9:02"),
        reading=MDY,
        says="dates read as month, day, year, proved by '12/13/2010 9:02'",
    ),
    "British": File(
        dates=("01-12-2010 08:26", "13-12-2010 09:02"),
        reading=DMY,
        says="dates read as day, month, year, proved by '13-12-2010 09:02'",
    ),
    "German": File(
        dates=("1.12.2010", "13.12.2010"),
        prices=("2,55", "1.234,50"),
        reading=DMY | COMMA,
        says="day, month, year, proved by '13.12.2010'; decimals read with the mark ',', proved by '2,55'",
    ),
    "American, years of two digits": File(dates=("12/1/10 8:26 AM", "12/13/10 9:02 PM"), reading=MDY),
    "any order gives the same day": File(dates=("12/12/2010",), reading=DMY),
    "a day that is none proves nothing": File(dates=("12/13/2010", "2/30/2010"), reading=MDY),
    "one slip of many": File(
        dates=("12/13/2010",) * 100 + ("13/12/2010",), reading=MDY, says="1 of them contradict it"
    ),
    "no date decides": File(
        dates=("12/1/2010 8:26", "12/2/2010"),
        outcome="refused",
        says="its date '12/1/2010 8:26' is 2010-01-12 (dmy) or 2010-12-01 (mdy), and no date of the file decides; "
        "declare `date_order` for the file in the contract",
    ),
    "years of two digits, first or last": File(
        dates=("13/12/10",),
        outcome="refused",
        says="its date '13/12/10' is 2010-12-13 (dmy) or 2013-12-10 (ymd), and no",
    ),
    "dates of two orders": File(
        dates=("12/13/2010", "13/12/2010"),
        outcome="refused",
        says="its dates are mixed: '13/12/2010' fits dmy, and '12/13/2010' fits mdy; part the file, or declare",
    ),
    "thousands with a comma": File(
        quantities=("6", "1,000"), prices=("2.55", "1,234.50"), reading=POINT, says="decimals read with the mark '.'"
    ),
    "points do not prove what a comma is": File(
        quantities=("6", "1,000"), says="numbers such as '1,000' fit two readings: declare `decimal_mark`"
    ),
    "thousands twice": File(prices=("2", "1,234,567"), reading=POINT),
    "thousands with a point": File(prices=("2", "1.234.567"), reading=COMMA),
    "a comma of no certain meaning": File(
        quantities=("1,000",),
        prices=("2",),
        says="numbers such as '1,000' fit two readings: declare `decimal_mark` for the file in the contract",
    ),
    "a zero proves a comma": File(quantities=("6",), prices=("0,125",), reading=COMMA),
    "one comma of many": File(prices=("2.55",) * 100 + ("2,55",), reading=POINT, says="1 numbers contradict it"),
    "few commas": File(
        prices=("2.55", "2.95", "2,55"),
        says="numbers are mixed: '2.55' and '2,55'; those with a comma go to quarantine",
    ),
    "many commas": File(
        prices=("2.55", "2,55", "2,95"),
        outcome="refused",
        says="its numbers are mixed: '2,55' and '2.55'; part the file",
    ),
}


def land_text(database, path: Path, text: str, **options) -> FileResult:
    path.write_text(text)
    (file,) = land([path], database.url, **options).files
    return file


def readings(database) -> list[tuple[str, dict | None]]:
    with psycopg.connect(database.url) as session:
        return session.execute("select name, reading from bronze.landed_files order by file_id").fetchall()


def test_the_rows_of_a_file_prove_its_reading(database, tmp_path):
    """A wrong order of dates moves sales to other months, and nothing in the warehouse would contradict it."""
    for number, (name, file) in enumerate(FILES.items()):
        result = land_text(database, tmp_path / f"{number}.csv", file.text)
        assert (name, result.outcome) == (name, file.outcome), result.detail
        assert file.says in result.detail, name
        if file.outcome == "landed":
            assert (name, readings(database)[-1][1]) == (name, file.reading)


@pytest.mark.parametrize("name", ["us/a.csv", "us_a.csv"])
def test_a_declared_reading_needs_no_proof(database, tmp_path, name):
    """A shop that sends one day a file can never prove the order of its dates."""
    contract = tmp_path / "sources.yml"
    formats = "              formats: [csv, jsonl, parquet, xlsx]\n"
    declared = (
        '              date_order: dmy\n              readings:\n                - {files: "us*", date_order: mdy}\n'
        '                - {files: "*_a.csv", decimal_mark: ","}\n'
    )
    contract.write_text(CONTRACT.read_text().replace(formats, formats + declared, 1))
    folder = tmp_path / "in"
    for path in (name, "b.csv"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(File(dates=("12/1/2010",), prices=("2,55",)).text.replace("SET 3", path))
    files = land([folder], database.url, contract=contract).files
    assert [file.outcome for file in files] == ["landed"] * 2, files
    assert dict(readings(database)) == {name: MDY | COMMA, "b.csv": DMY | COMMA}


def test_all_rows_are_evidence(database, tmp_path):
    """The date that decides may be in the last row of a large file."""
    text = File(dates=("12/1/2010",) * 20_000 + ("12/13/2010",)).text
    result = land_text(database, tmp_path / "large.csv", text)
    assert (result.outcome, readings(database)) == ("landed", [("large.csv", MDY)])


def test_a_file_with_plain_first_rows_is_plain(database, tmp_path):
    """Plain files must cost nothing; what follows and is not plain waits in quarantine."""
    text = File(
        dates=("2010-12-01 08:26:00",) * FIRST_ROWS + ("12/13/2010",), prices=("2.5",) * FIRST_ROWS + ("2,5",)
    ).text
    result = land_text(database, tmp_path / "plain.csv", text)
    assert (result.outcome, readings(database)) == ("landed", [("plain.csv", None)])


def test_an_older_ledger_is_migrated_first(database, tmp_path):
    """A warehouse from before readings lacks their column: the next file waits until `make migrate` has added it."""
    land_text(database, tmp_path / "a.csv", File().text)
    with psycopg.connect(database.url) as session:
        session.execute("alter table bronze.landed_files drop column reading")
        session.execute("drop table bronze.schema_revision")
    with pytest.raises(Refusal, match="make migrate"):
        land_text(database, tmp_path / "b.csv", File(dates=("12/13/2010",)).text)


def test_staging_converts_times_to_the_zone_of_the_contract():
    """The staging model repeats the zone, so a change of the contract alone would not change the times."""
    model = (CONTRACT.parent / "stg_retail__transactions.sql").read_text()
    zones = {landing.table: landing.time_zone for landing in read_contract().landings}
    assert f"'unusual_files.date_order', '{zones['transactions']}')" in model
