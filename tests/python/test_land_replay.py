"""Rejected rows land, once each, after the cause of the rejection is fixed."""

import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from scripts.land import land
from scripts.land.__main__ import main
from scripts.land.contract import CONTRACT
from scripts.land.replay import replay
from scripts.land.rows import as_delivered, legible

HEADER = "StockCode;Category;Cost;EffectiveDate;ListPrice\n"
FORMATS = "              formats: [csv, jsonl, parquet, xlsx]\n"


def query(database, statement: str) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(statement).fetchall()


def ledger(database) -> list[tuple]:
    return query(database, "select rows_read, rows_loaded, rows_rejected from bronze.landed_files order by file_id")


@pytest.fixture
def mended(tmp_path):
    """Return a contract that accepts rows without their last fields."""
    contract = tmp_path / "sources.yml"
    assert FORMATS in CONTRACT.read_text()
    contract.write_text(CONTRACT.read_text().replace(FORMATS, f"{FORMATS}              short_rows: fill\n"))
    return contract


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two price lists; two rows lack their last field, and one row lacks two fields."""
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "a.csv").write_text(HEADER + '1;A;1,0;2010-01-01;2,0\n2;"A\n;B";1,0;2010-01-01\n3;A;1,0\n')
    (folder / "b.csv").write_text(HEADER + "4;A;1,0;2010-01-01\n5;A;1,0;2010-01-01;2,0\n")
    return folder


def test_rejected_rows_land_after_the_contract_is_mended(database, folder, mended):
    """A user who fixes the contract must not need the file from the supplier again."""
    land([folder], database.url, max_reject_share=1)
    assert ledger(database) == [(3, 1, 2), (2, 1, 1)]
    report = replay(database.url, contract=mended)
    assert [(file.outcome, file.rows_loaded, len(file.rejects)) for file in report.files] == [
        ("landed", 1, 1),
        ("landed", 1, 0),
    ]
    assert query(database, "select _line, stock_code, category, list_price from bronze.products order by 2") == [
        (2, "1", "A", "2,0"),
        (3, "2", "A\n;B", None),
        (2, "4", "A", None),
        (3, "5", "A", "2,0"),
    ]
    assert ledger(database) == [(3, 2, 1), (2, 2, 0)]
    assert query(database, "select line, raw, reason from bronze.rejected_rows") == [
        (4, "3;A;1,0", "3 fields instead of 5")
    ]


def test_what_the_replay_lands_is_what_landing_would(database, folder, mended):
    """A replayed row must equal the same row landed directly."""
    columns = "select stock_code, category, cost, effective_date, list_price, _extra, _file_id, _line"
    land([folder], database.url, contract=mended, max_reject_share=1)
    at_once = query(database, f"{columns} from bronze.products order by _file_id, _line")
    with psycopg.connect(database.url) as session:
        session.execute(
            "truncate bronze.products, bronze.rejected_rows, bronze.archives, bronze.landed_files restart identity"
        )
    land([folder], database.url, max_reject_share=1)
    replay(database.url, contract=mended)
    assert query(database, f"{columns} from bronze.products order by _file_id, _line") == at_once


def test_a_replay_lands_each_row_once(database, folder, mended):
    """A timer and a user may start a replay at the same moment, and again the next day."""
    land([folder], database.url, max_reject_share=1)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: replay(database.url, contract=mended), range(3)))
    assert ledger(database) == [(3, 2, 1), (2, 2, 0)]
    assert query(database, "select count(*), count(distinct (_file_id, _line)) from bronze.products") == [(4, 4)]
    (file,) = replay(database.url, contract=mended).files
    assert (file.outcome, file.detail) == ("skipped", "no rejected row can be read yet: line 4: 3 fields instead of 5")


def test_a_replay_that_is_only_tried_changes_nothing(database, folder, mended):
    """The user must be able to see the result of a replay before running it."""
    land([folder], database.url, max_reject_share=1)
    report = replay(database.url, contract=mended, dry_run=True)
    assert sum(file.rows_loaded for file in report.files) == 2
    assert ledger(database) == [(3, 1, 2), (2, 1, 1)]


def test_rows_land_after_their_encoding_became_known(database, tmp_path):
    """Bronze keeps the rejected bytes, so that the user can still name their encoding later."""
    good = "1,A,1,2010-01-01,é\n".encode()
    (tmp_path / "a.csv").write_bytes(
        b"StockCode,Category,Cost,EffectiveDate,ListPrice\n" + good * 9 + b"2,\\x41\xe9,1,d,2\n"
    )
    (file,) = land([tmp_path], database.url, max_reject_share=1).files
    assert [reject.reason for reject in file.rejects] == ["byte 0xe9 is not UTF-8"]
    replay(database.url, encoding="windows-1252")
    assert query(database, "select category from bronze.products where stock_code = '2'") == [("\\x41é",)]


def test_rows_land_after_the_loader_was_mended(database, tmp_path, monkeypatch):
    """A bug in the loader may reject good rows, and these rows must land after the fix."""
    row = {"StockCode": "1", "Category": "A", "Cost": 1.50, "EffectiveDate": "d", "Till": "x"}
    (tmp_path / "a.jsonl").write_text("\n".join([json.dumps(row), json.dumps({**row, "StockCode": "2"})]))
    with monkeypatch.context() as patch:
        broken = "one\0in two"
        patch.setattr("scripts.land.readers.jsonl._sound", lambda text: text.encode() if text != "2" else int(broken))
        land([tmp_path], database.url, max_reject_share=1)
    assert ledger(database) == [(2, 1, 1)]
    replay(database.url)
    assert ledger(database) == [(2, 2, 0)]
    assert query(database, "select stock_code, cost, _extra, _line from bronze.products order by _line") == [
        ("1", "1.5", {"Till": "x"}, 1),
        ("2", "1.5", {"Till": "x"}, 2),
    ]


def test_the_command_replays(database, folder, monkeypatch, mended):
    """The user replays rows with one option, and the command reports the result."""
    with psycopg.connect(database.url) as session:
        place = {"HOST": session.info.host, "USER": "retail_builder", "PASSWORD": "unused", "DATABASE": database.name}
    for name, value in place.items():
        monkeypatch.setenv(f"PG{name}", value)
    monkeypatch.setenv("DBT_TARGET", "ci")
    land([folder], database.url, max_reject_share=1)
    result = CliRunner().invoke(main, ["--replay"])
    assert result.exit_code == 0, result.output
    assert "skipped b.csv: no rejected row can be read yet: line 2: 4 fields instead of 5\n" in result.stdout
    assert CliRunner().invoke(main, ["--replay", "somewhere"]).exit_code == 2


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.lists(st.sampled_from([b"\\", b"x", b"5c", b"\xff", b"\0"])).map(b"".join)
)
def test_rejected_bytes_can_be_had_back(raw):
    """A replay needs the exact bytes of each rejected row."""
    text = legible(raw)
    assert "\0" not in text
    assert as_delivered(text) == raw
