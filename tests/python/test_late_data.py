"""What becomes of history when a file comes late, corrects another, is taken back, or comes a second time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from dbt_project import build_without_checks
from harness import Database
from history_reference import Entry, File, Line
from history_stories import write
from warehouse_state import BOOKKEEPING, rows, take_back

from scripts.land import land

IN_TIME = "retail_in_time"
CUSTOMER, PRODUCT = 12346, "22423"
KEYS = {"customer": "customer_id", "product": "stock_code"}

# January is over and rated. February is not, so what comes of it late moves customers, but no segments.
FIRST = Line("536365", PRODUCT, "LANTERN", 2, datetime(2010, 1, 5, 9), Decimal("1.5"), CUSTOMER, "France")
NEIGHBOUR = replace(FIRST, invoice="536366", stock_code="85123A", customer_id=12347, country="Germany")
MOVE = replace(FIRST, invoice="536368", invoiced_at=datetime(2010, 2, 10, 9), country="EIRE")
LAST = replace(FIRST, invoice="536369", invoiced_at=datetime(2010, 2, 20, 9), country="EIRE")
LISTED = Entry(PRODUCT, "Garden", Decimal("0.5"), None, date(2010, 1, 1))
DELIVERED_IN_TIME: dict[str, File] = {
    "january.csv": (FIRST, NEIGHBOUR),
    "move.csv": (MOVE,),
    "february.csv": (LAST,),
    "list.csv": (LISTED,),
}
# What most tests look at, and all that it is made of.
SEEN = ("--select", "+dim_customer", "+dim_product", "+fct_sales")
FIRST_DAY, RATED, MOVED, MOVED_EARLIER = date(2010, 1, 5), date(2010, 2, 1), date(2010, 2, 10), date(2010, 2, 3)


class Known(NamedTuple):
    """A row of a snapshot: a version, and a state in which it is known, or was."""

    of: int | str
    valid_from: date
    attributes: tuple[Any, ...]
    scd_id: str
    is_known: bool


@pytest.fixture(scope="module")
def in_time(keep, work_on, dbt, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Land what comes in time and build it once, for each test to go on from."""
    folder = tmp_path_factory.mktemp("in_time")
    for name, file in DELIVERED_IN_TIME.items():
        write(file, folder / name)
    with work_on() as database:
        land([folder / name for name in DELIVERED_IN_TIME], database.url)
        build_without_checks(dbt, database.url)
        return keep(database, IN_TIME)


@pytest.fixture
def warehouse(in_time: Database, work_on) -> Iterator[Database]:
    with work_on(in_time) as database:
        yield database


@pytest.fixture
def deliver(warehouse: Database, dbt, tmp_path: Path):
    """Land one more file, and build."""

    def deliver(file: File, name: str = "late.csv", options: tuple[str, ...] = SEEN) -> None:
        write(file, tmp_path / name)
        assert land([tmp_path / name], warehouse.url).of("landed")
        build_without_checks(dbt, warehouse.url, *options)

    return deliver


def found(database: Database, query: str) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(query.encode()).fetchall()


def snapshot(database: Database, of: str) -> set[Known]:
    attributes = {"customer": "country_name, segment", "product": "description, categories, price_band"}[of]
    rows = found(
        database,
        f"select {KEYS[of]}, valid_from, dbt_scd_id, dbt_valid_to is null, {attributes} from history.snp_{of}_versions",
    )
    return {
        Known(key, valid_from, tuple(known), scd_id, is_known) for key, valid_from, scd_id, is_known, *known in rows
    }


def joined(database: Database, of: str) -> dict[str, tuple[int | str, date]]:
    """Return which version the line of each invoice joins."""
    lines = found(
        database,
        f"""
        select sales.invoice_number, versions.{KEYS[of]}, versions.valid_from
        from gold.fct_sales as sales
        inner join gold.dim_{of} as versions on sales.{of}_key = versions.{of}_key
        """,
    )
    return {invoice: (key, valid_from) for invoice, key, valid_from in lines}


def changes(before: set[Known], after: set[Known]) -> tuple[set[tuple], set[tuple]]:
    """Return the versions that are no longer known as they were, and those that newly are; all others are untouched."""
    closed = {row._replace(is_known=False) for row in before - after}
    opened = after - before - closed
    assert closed <= after, "what was believed has to stay"
    assert all(row.is_known for row in opened)
    return {row[:2] for row in closed}, {row[:2] for row in opened}


def test_the_scene_is_as_the_tests_take_it(in_time: Database) -> None:
    """Each test here changes one thing of this, and says nothing if this is not so."""
    assert joined(in_time, "customer") == {
        "536365": (CUSTOMER, FIRST_DAY),
        "536366": (12347, FIRST_DAY),
        "536368": (CUSTOMER, MOVED),
        "536369": (CUSTOMER, MOVED),
    }
    assert {row[:2] for row in snapshot(in_time, "customer") if row.of == CUSTOMER} == {
        (CUSTOMER, FIRST_DAY),
        (CUSTOMER, RATED),
        (CUSTOMER, MOVED),
    }
    assert {row[:2] for row in snapshot(in_time, "product")} == {
        (PRODUCT, date(2010, 1, 1)),
        ("85123A", date(2010, 1, 1)),
    }


def test_a_late_line_moves_a_change_and_nothing_else(warehouse: Database, deliver) -> None:
    """A move heard of too late happened earlier: one version makes way for another, and its lines follow at once."""
    before = snapshot(warehouse, "customer"), snapshot(warehouse, "product")
    deliver((replace(MOVE, invoice="536367", invoiced_at=datetime(2010, 2, 3, 9)),))
    assert changes(before[0], snapshot(warehouse, "customer")) == ({(CUSTOMER, MOVED)}, {(CUSTOMER, MOVED_EARLIER)})
    assert snapshot(warehouse, "product") == before[1]
    assert joined(warehouse, "customer") == {
        "536365": (CUSTOMER, FIRST_DAY),
        "536366": (12347, FIRST_DAY),
        "536367": (CUSTOMER, MOVED_EARLIER),
        "536368": (CUSTOMER, MOVED_EARLIER),
        "536369": (CUSTOMER, MOVED_EARLIER),
    }


def test_a_correction_takes_a_move_back(warehouse: Database, deliver) -> None:
    """A move that never was leaves gold, but not our memory: reports made meanwhile must remain explicable."""
    before = snapshot(warehouse, "customer")
    deliver((replace(MOVE, country="France"), replace(LAST, country="France")))
    after = snapshot(warehouse, "customer")
    assert changes(before, after) == ({(CUSTOMER, MOVED)}, set())
    assert [row.attributes[0] for row in after if not row.is_known] == ["EIRE"]
    assert joined(warehouse, "customer") == {
        "536365": (CUSTOMER, FIRST_DAY),
        "536366": (12347, FIRST_DAY),
        "536368": (CUSTOMER, RATED),
        "536369": (CUSTOMER, RATED),
    }


def test_what_a_file_brought_goes_and_comes_with_it(warehouse: Database, dbt, deliver) -> None:
    """A file taken back and landed again leaves gold as it was, and the time between is not forgotten."""
    gold, before = rows(warehouse.url, without=BOOKKEEPING), snapshot(warehouse, "customer")
    take_back(warehouse.url, "move.csv")
    build_without_checks(dbt, warehouse.url)
    between = snapshot(warehouse, "customer")
    assert changes(before, between) == ({(CUSTOMER, MOVED)}, {(CUSTOMER, LAST.invoiced_on)})
    assert joined(warehouse, "customer") == {
        "536365": (CUSTOMER, FIRST_DAY),
        "536366": (12347, FIRST_DAY),
        "536369": (CUSTOMER, LAST.invoiced_on),
    }
    deliver((MOVE,), "move.csv", options=())
    assert changes(between, snapshot(warehouse, "customer")) == ({(CUSTOMER, LAST.invoiced_on)}, {(CUSTOMER, MOVED)})
    assert found(
        warehouse,
        """
        select
            count(*),
            count(distinct dbt_scd_id),
            count(*) filter (where dbt_valid_to is null),
            max(dbt_valid_to) < max(dbt_valid_from)
        from history.snp_customer_versions
        where customer_id = 12346 and valid_from = '2010-02-10'
        """,
    ) == [(2, 2, 1, True)]
    assert rows(warehouse.url, without=BOOKKEEPING) == gold


def test_a_late_price_list_moves_the_lines_of_its_time(warehouse: Database, deliver) -> None:
    """Sales by category have to be right for the days that had passed when the list came."""
    before = snapshot(warehouse, "customer"), snapshot(warehouse, "product")
    day = date(2010, 2, 10)
    deliver((replace(LISTED, category="Home decor", effective_on=day),))
    assert changes(before[1], snapshot(warehouse, "product")) == (set(), {(PRODUCT, day)})
    assert snapshot(warehouse, "customer") == before[0]
    assert joined(warehouse, "product") == {
        "536365": (PRODUCT, date(2010, 1, 1)),
        "536366": ("85123A", date(2010, 1, 1)),
        "536368": (PRODUCT, day),
        "536369": (PRODUCT, day),
    }


def test_a_product_begins_with_its_oldest_line_however_late(warehouse: Database, deliver) -> None:
    """A first version that began after a line would leave that line without a product."""
    before = snapshot(warehouse, "product")
    deliver((replace(FIRST, invoice="536364", customer_id=None, invoiced_at=datetime(2009, 12, 31, 9)),))
    beginning = date(2009, 12, 1)
    assert changes(before, snapshot(warehouse, "product")) == ({(PRODUCT, date(2010, 1, 1))}, {(PRODUCT, beginning)})
    assert {version for invoice, version in joined(warehouse, "product").items() if invoice != "536366"} == {
        (PRODUCT, beginning)
    }
