"""The package pg_vault in a small project: any order of loads gives the same history, and nothing is lost."""

import random
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
import pytest
from dbt_project import Dbt, replace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.paths import PROJECT_ROOT

PACKAGES = PROJECT_ROOT / "packages"
LONGEST_MACRO = 30
FIRST_DAY = date(2011, 1, 1)
VERSIONS = """
    select hub.product, pit.holds_from, readings.price
    from vault_store_vault.pit_product as pit
    inner join vault_store_vault.hub_product as hub using (product_hk)
    inner join vault_store_vault.sat_product_price as readings
        on pit.product_hk = readings.product_hk
        and pit.sat_product_price_applied_at = readings.applied_at
        and pit.sat_product_price_hash_diff = readings.hash_diff
    group by 1, 2, 3
    order by 1, 2
"""
INSERT_ONLY = ("hub_product", "hub_shop", "link_product_shop", "sat_product_price", "masat_product_shop")


class Price(NamedTuple):
    """A line of a file: from that day on, the product has that price."""

    product: str
    day: int
    price: int


@pytest.fixture(scope="module")
def store(server: str) -> Iterator[Path]:
    """Copy the project and install both packages."""
    with TemporaryDirectory(prefix="retail-") as folder:
        project = Path(folder) / "store"
        shutil.copytree(PACKAGES / "pg_vault" / "integration_tests", project)
        (project / "dbt_packages").mkdir()
        for name in ("pg_wap", "pg_vault"):
            (project / "dbt_packages" / name).symlink_to(PACKAGES / name)
        yield project


def build(dbt: Dbt, store: Path) -> None:
    assert {result.status for result in dbt("build", "--target", "test", project=store).values()} <= {
        "success",
        "no-op",
    }


def ask(url: str, query: str, *values: Any) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as session:
        cursor = session.execute(query, values)
        return cursor.fetchall() if cursor.description else []


def load(url: str, file_id: int, prices: list[Price]) -> None:
    with psycopg.connect(url) as session:
        session.execute("insert into raw.files (file_id) values (%s)", [file_id])
        for line, price in enumerate(prices):
            session.execute(
                "insert into raw.prices values (%s, %s, %s, %s, %s, %s)",
                [file_id, line, price.product, FIRST_DAY + timedelta(price.day), f"shop {price.price}", price.price],
            )


def history(files: dict[int, list[Price]]) -> list[tuple]:
    """Return what the files say, in the order of event time, file and line, without changes that change nothing."""
    found: list[tuple] = []
    said = sorted(
        (price.product, price.day, number, line, price.price)
        for number, prices in files.items()
        for line, price in enumerate(prices)
    )
    # the last of several prices of one day holds from that day on
    last = {(product, day): price for product, day, _, _, price in said}
    for (product, day), price in sorted(last.items()):
        if not found or found[-1][0] != product or found[-1][2] != price:
            found.append((product, FIRST_DAY + timedelta(day), price))
    return found


def stored(url: str) -> dict[str, set[str]]:
    return {
        name: {row for (row,) in ask(url, f"select t::text from vault_store_vault.{name} t")} for name in INSERT_ONLY
    }


PRICES = st.lists(st.builds(Price, st.sampled_from("AB"), st.integers(0, 4), st.integers(1, 2)), max_size=5)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(loads=st.lists(PRICES, min_size=2, max_size=4), seed=st.integers(0, 9))
def test_any_order_of_loads_gives_the_same_history(work_on, dbt, store, loads: list[list[Price]], seed: int) -> None:
    """Other packages lose several changes of a key in one load, and put a late change at the end."""
    numbered = dict(enumerate(loads, 1))
    order = list(numbered)
    random.Random(seed).shuffle(order)
    with work_on() as database:
        before: dict[str, set[str]] = {}
        for place in range(0, len(order), 2):
            if not place:
                build(dbt, store)
            for number in order[place : place + 2]:
                load(database.url, number, numbered[number])
            build(dbt, store)
            landed = {number: numbered[number] for number in order[: place + 2]}
            assert ask(database.url, VERSIONS) == history(landed)
            after = stored(database.url)
            assert all(before.get(name, set()) <= rows for name, rows in after.items())
            before = after
        # a full build of the same files adds nothing, and loses nothing
        assert dbt("build", "--full-refresh", "--target", "test", project=store)
        assert stored(database.url) == before
        # a file that is taken back is withdrawn, not deleted
        ask(database.url, "delete from raw.prices where file_id = %s", order[0])
        ask(database.url, "delete from raw.files where file_id = %s", order[0])
        build(dbt, store)
        assert ask(database.url, VERSIONS) == history({number: numbered[number] for number in order[1:]})
        after = stored(database.url)
        assert all(before[name] <= rows for name, rows in after.items())


def test_a_null_key_is_an_empty_answer(work_on, dbt, store) -> None:
    """A row without a key is the matter of the source's checks; it must neither fail the load nor join anything."""
    with work_on() as database:
        build(dbt, store)
        ask(database.url, "insert into raw.files (file_id) values (1)")
        # without a key, without an event time, and without a member
        ask(
            database.url,
            "insert into raw.prices values (1, 1, null, '2011-01-01', null, 1), (1, 2, 'A', null, 'shop', 1),"
            " (1, 3, 'B', '2011-01-01', null, 1)",
        )
        build(dbt, store)
        assert ask(database.url, "select product from vault_store_vault.hub_product order by 1") == [("A",), ("B",)]
        assert ask(database.url, VERSIONS) == [("B", FIRST_DAY, 1)]
        assert ask(database.url, "select count(*) from vault_store_vault.masat_product_shop") == [(0,)]
        nobody = "select count(*) from vault_store_vault.link_product_shop where (product_hk, shop_hk) = (-1, -1)"
        assert ask(database.url, nobody) == [(1,)]
        before = stored(database.url)
        assert dbt("build", "--full-refresh", "--target", "test", project=store)
        assert stored(database.url) == before


def test_a_macro_is_short_and_has_its_own_file() -> None:
    """Macros that write SQL are hard to read, so each does one thing that fits on a screen."""
    files = sorted((PACKAGES / "pg_vault" / "macros").rglob("*.sql"))
    texts = {file: file.read_text() for file in files}
    named = {file: re.findall(r"{% (?:macro|test) (\w+)", text) for file, text in texts.items()}
    assert {file: names for file, names in named.items() if names != [file.stem]} == {}
    assert {file: lines for file in files if (lines := len(texts[file].splitlines())) > LONGEST_MACRO} == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("type: satellite\n          parent: hub_product", "type: satellite\n          parent: hub_none"),
            "names the parent `hub_none`, which is no hub or link of the project",
        ),
        (
            ("payload: [price]\n          record_source", "payload: [prize]\n          record_source"),
            "names `prize`, which is no column of prices",
        ),
        (("business_key: shop,", "business_kee: shop,"), "lacks `business_key`"),
        (
            (
                "applied_at: changed_on\n          payload: [price]\n          record",
                "applied_at: changed\n          record",
            ),
            "names `changed`, which is no column of prices",
        ),
        (
            ("type: pit, parent: hub_product, key: product_hk", "type: pit, parent: hub_shop, key: shop_hk"),
            "joins sat_",
        ),
        (("type: link\n", "type: hub\n"), "has the type `hub` and calls `link`"),
        (
            ("hubs: {product_hk: product, shop_hk: shop}", "hubs: {product_hk: product, shoop_hk: shop}"),
            "names the hub key `shoop_hk`, which no hub of the project has",
        ),
    ],
)
def test_wrong_metadata_is_a_compile_error(work_on, dbt, store, change: tuple[str, str], said: str) -> None:
    """A satellite without a hub, or a column that is not there, must not be found by the reader of a wrong number."""
    with work_on(), TemporaryDirectory() as folder:
        project = Path(shutil.copytree(store, Path(folder) / "store", symlinks=True))
        replace(project / "models" / "models.yml", change)
        results = dbt("build", "--target", "test", project=project)
    messages = [result.message for result in results.values() if result.status == "error"]
    assert len(messages) == 1
    assert said in messages[0]
