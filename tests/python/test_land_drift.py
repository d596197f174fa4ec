"""Suppliers add and remove columns, and the contract defines how the loader reacts."""

import psycopg
import pytest

from scripts.land import FileResult, land
from scripts.land.contract import CONTRACT

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
ROW = "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,UK"


def query(database, statement: str) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(statement).fetchall()


def land_text(database, tmp_path, text: str, **options) -> FileResult:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    (file,) = land([path], database.url, **options).files
    return file


def test_a_new_column_is_kept_and_told(database, tmp_path):
    """A supplier adds a column without notice, and cannot deliver its values of today again in a year."""
    text = f'Till,{HEADER}, Note ,,\n"T,1",{ROW},"say ""hi""",x,\n,{ROW},,,y\n,{ROW},,,\n'
    file = land_text(database, tmp_path, text)
    assert (file.outcome, file.detail) == ("landed", "new columns kept in _extra: Till, Note, column 11, column 12")
    assert query(database, "select invoice, country, _extra, _line from bronze.transactions order by _line") == [
        ("1", "UK", {"Till": "T,1", "Note": 'say "hi"', "column 11": "x"}, 2),
        ("1", "UK", {"column 12": "y"}, 3),
        ("1", "UK", {}, 4),
    ]


def test_broken_rows_of_a_file_with_new_columns_are_set_aside(database, tmp_path):
    """Rejected rows and new columns must also work together in one file."""
    file = land_text(database, tmp_path, f"{HEADER},Till\n{ROW},1\n{ROW}\n{ROW},2\n", max_reject_share=0.5)
    assert (file.rows_loaded, [reject.reason for reject in file.rejects]) == (2, ["8 fields instead of 9"])


def test_a_frozen_table_refuses_a_new_column(database, tmp_path):
    """A team that is accountable for every column needs the loader to stop an unexpected one."""
    contract = tmp_path / "sources.yml"
    formats = "              formats: [csv, jsonl, parquet, xlsx]\n"
    assert formats in CONTRACT.read_text()
    contract.write_text(CONTRACT.read_text().replace(formats, f"{formats}              new_columns: freeze\n"))
    file = land_text(database, tmp_path, f"{HEADER},Till\n{ROW},1\n", contract=contract)
    assert file.outcome == "refused"
    assert file.detail.startswith("column 'Till' is not in the contract of 'transactions', which takes no new ones; ")
    assert query(database, "select count(*) from bronze.transactions") == [(0,)]


REFUSED = {
    "two columns are called 'Till'": f"{HEADER},Till, Till \n{ROW},1,2\n",
    "the first row is no header of any table of the contract; found 1, 85123A, LANTERN": f"{ROW}\n{ROW}\n",
    "5,008 columns are more than the 1,500 that a table can take": HEADER
    + "".join(f",c{n}" for n in range(5000))
    + "\n",
}


@pytest.mark.parametrize(("message", "text"), REFUSED.items(), ids=range(len(REFUSED)))
def test_a_header_that_nobody_can_mean_is_refused(database, tmp_path, message, text):
    """The loader must not guess which of two columns with the same name is meant."""
    file = land_text(database, tmp_path, text)
    assert (file.outcome, file.detail[: len(message)]) == ("refused", message)


def test_many_new_columns_land(database, tmp_path):
    """A PostgreSQL function takes at most 100 arguments, and a wide file has more columns."""
    names = "".join(f",c{n}" for n in range(400))
    file = land_text(database, tmp_path, f"{HEADER}{names}\n{ROW}{',7' * 400}\n")
    assert file.outcome == "landed", file.detail
    assert query(database, "select _extra ->> 'c399' from bronze.transactions") == [("7",)]


def test_a_column_for_what_is_new_is_added_to_older_tables(database, tmp_path):
    """An older warehouse without the column `_extra` must still accept the next file."""
    land_text(database, tmp_path, f"{HEADER}\n{ROW}\n")
    with psycopg.connect(database.url) as session:
        session.execute("alter table bronze.transactions drop column _extra")
    assert land_text(database, tmp_path, f"{HEADER},Till\n{ROW},1\n").outcome == "landed"
    assert query(database, "select _extra from bronze.transactions order by _file_id") == [(None,), ({"Till": "1"},)]


def test_a_price_list_lands_without_code(database, tmp_path):
    """A second source must need only an entry in the contract."""
    (tmp_path / "prices.csv").write_text("Code;Category;Unit Cost;Valid from\n85123A;Lights;1,20;2010-12-01\n")
    (file,) = land([tmp_path / "prices.csv"], database.url).files
    assert (file.outcome, file.detail) == (
        "landed",
        "read as semicolon; without list_price; decimals read with the mark ',', proved by '1,20'",
    )
    columns = "stock_code, category, cost, list_price, effective_date"
    assert query(database, f"select {columns} from bronze.products") == [
        ("85123A", "Lights", "1,20", None, "2010-12-01")
    ]
