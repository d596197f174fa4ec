"""History is true whatever the order of arrival: made-up deliveries, landed and built in any way, and the reference.

Each example is a warehouse of its own, built up to four times, which takes about 20 s of one processor. So a run of all
tests takes the four stories below, each with a fault that it would find, and two made-up ones, which differ in each
run. Some of their builds keep the Data Vault as well. The slow test takes 25 made-up stories. If you change a model of
history or of the vault, run more of them:

    HISTORY_EXAMPLES=300 .venv/bin/python -m pytest -m slow tests/python/test_history_property.py

A failure is shrunk to the fewest files and lines that still show it, which takes up to five minutes more.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import count, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
import pytest
from dbt_project import build_without_checks
from history_reference import PRODUCT_CLASSES, CustomerVersion, Entry, File, History, Line, ProductVersion, tell
from history_stories import Story, stories, write
from hypothesis import HealthCheck, example, given, settings
from warehouse_state import BOOKKEEPING, rows, take_back, vault_rows

from scripts.land import land

FEW_EXAMPLES = 2
EXAMPLES = int(os.environ.get("HISTORY_EXAMPLES", "25"))
END = date(9999, 12, 31)

CUSTOMERS = """
    select
        customer_id, valid_from, valid_to, country_name, segment, previous_country_name, previous_segment,
        first_country_name, current_country_name, current_segment
    from gold.dim_customer
    where customer_key <> -1
    order by customer_id, valid_from
"""
RATINGS = """
    select
        customer_id, month_end, recency_days, frequency, monetary_amount,
        recency_score, frequency_score, monetary_score, segment
    from gold.customer_rfm
    order by customer_id, month_end
"""
PRODUCTS = """
    select
        stock_code, valid_from, valid_to, description, product_class, category, categories, price_band,
        current_description, current_category, current_price_band
    from gold.dim_product
    where product_key <> -1
    order by stock_code collate "C", valid_from
"""
# The same as of any system time; what is of type 3 or 6 there is not asked for.
KNOWN_CUSTOMERS = """
    select customer_id, valid_from, valid_to, country_name, segment
    from gold.dim_customer_as_known(%(at)s)
    order by customer_id, valid_from
"""
KNOWN_PRODUCTS = """
    select stock_code, valid_from, valid_to, description, product_class, category, categories, price_band
    from gold.dim_product_as_known(%(at)s)
    order by stock_code collate "C", valid_from
"""
KNOWN_IN_TWO_STATES = """
    select one.*, other.*
    from history.{snapshot} as one
    inner join history.{snapshot} as other on one.{key} = other.{key} and one.valid_from = other.valid_from
    where
        one.dbt_scd_id < other.dbt_scd_id
        and tsrange(one.dbt_valid_from, one.dbt_valid_to) && tsrange(other.dbt_valid_from, other.dbt_valid_to)
"""
VAULT = ("--vars", "vault: true")
# The star that follows from the vault alone, and the one that readers see.
DIFFERENCES = """
    (table vault.vault_{name} except all table gold.{name})
    union all
    (table gold.{name} except all table vault.vault_{name})
"""
STAR = ("fct_sales", "dim_customer", "dim_product")
# Categories that have not ended by the last day of the data, where the star shows others. Of several rows of one day,
# the star takes the last alone, and the vault keeps all.
CATEGORIES = """
    with

    last_effects as (
        select distinct on (product_category_lk) product_category_lk, is_effective
        from vault.esat_product_category as effects
        where
            is_present and applied_at <= (select max(date_day) from gold.fct_sales)
            and not exists (
                select from vault.esat_product_category as later
                where
                    (later.product_category_lk, later.applied_at, later.file_id, later.file_line)
                    = (effects.product_category_lk, effects.applied_at, effects.file_id, effects.file_line)
                    and later.reading > effects.reading
            )
        order by product_category_lk, applied_at desc, file_id desc, file_line desc
    ),

    effective as (
        select product_hk, string_agg(category, '; ' order by category) as categories
        from last_effects
        inner join vault.link_product_category using (product_category_lk)
        inner join vault.hub_category using (category_hk)
        where is_effective
        group by product_hk
    ),

    shown as (
        select
            product_durable_key as product_hk,
            (select string_agg(name, '; ' order by name) from string_to_table(categories, '; ') as name) as categories
        from gold.dim_product
        where
            is_current and product_key <> -1
            and not exists (
                select from silver.stg_retail__products as listed
                where listed.stock_code = dim_product.stock_code
                group by listed.effective_on
                having count(distinct coalesce(listed.category_list, '')) > 1
            )
    )

    select shown.*, effective.categories
    from shown
    left join effective using (product_hk)
    where shown.categories <> coalesce(effective.categories, 'Not categorised')
"""
# The versions of customers that the vault believed at a system time; a version that changes nothing may be among them.
BELIEVED_CUSTOMERS = """
    select customer_id, applied_at::date, country_name, segment
    from vault.csat_customer_version as readings
    inner join vault.hub_customer using (customer_hk)
    where
        is_present and readings.load_date <= %(at)s
        and not exists (
            select from vault.csat_customer_version as later
            where
                later.customer_hk = readings.customer_hk and later.applied_at = readings.applied_at
                and later.reading > readings.reading and later.load_date <= %(at)s
        )
    order by customer_id, applied_at
"""


def sale(number: int, *on: int, country: str = "France") -> File:
    """Return a file with one sale of one line."""
    moment = datetime(*on, 9)
    return (Line(f"{number}", "22423", "LANTERN", 2, moment, Decimal("2.5"), 12346, country),)


def entry(category: str, cost: str, *on: int) -> File:
    """Return a price list of one product."""
    return (Entry("22423", category, Decimal(cost), None, date(*on)),)


# The first build covers part of a month, so nobody is rated yet. The months close with later deliveries, one by one.
BEGINS_WITH_ONE_DAY = Story(
    (sale(536365, 2010, 1, 11), sale(536366, 2010, 2, 1), sale(536367, 2010, 2, 2), sale(536368, 2010, 4, 1)),
    (0, 1, 2, 3),
    (1, 2, 4),
    vaulted=frozenset({0}),
)
# A day without sales comes first, so every total begins as a total of nothing.
BEGINS_WITH_NOTHING = Story(
    ((), sale(536365, 2010, 1, 11), sale(536366, 2010, 2, 1)), (0, 1, 2), (1, 2, 3), vaulted=frozenset({0, 1})
)
# The mistake closes months, which are open again when it is taken back.
CLOSES_MONTHS_BY_MISTAKE = Story(
    (sale(536365, 2010, 1, 11), sale(536366, 2010, 1, 12)), (0, 1), (1, 2), sale(536367, 2010, 4, 1), frozenset({0})
)
# A move and a price of the past arrive last, between two that are equal: the later one becomes a change.
PAST_ARRIVES_LAST = Story(
    (
        sale(536365, 2010, 1, 11),
        entry("Garden", "0.5", 2010, 1, 1),
        sale(536366, 2010, 1, 14, country="Spain"),
        entry("Home decor; Garden", "0.75", 2010, 1, 15),
        sale(536367, 2010, 2, 1),
        entry("Garden", "0.5", 2010, 2, 1),
    ),
    (1, 0, 5, 4, 3, 2),
    (2, 4, 6),
    vaulted=frozenset({0, 1}),
)


class Build(NamedTuple):
    """A build that is over: when that was, what all landed files said by then, and whether it kept the vault."""

    at: datetime
    said: History
    is_vaulted: bool


def deliver(files: Iterable[File], url: str, folder: Path, numbers: Iterator[int]) -> list[str]:
    """Write files and land them one after another; return their names."""
    paths = [folder / f"{next(numbers):02}.csv" for _ in files]
    for file, path in zip(files, paths, strict=True):
        write(file, path)
    return [result.name for result in land(paths, url).files if result.outcome == "landed"]


def live_through(story: Story, url: str, dbt) -> Iterator[Build]:
    """Land what arrives and build, as often as the story says; stop after each build to look at it."""
    numbers, arrived = count(1), list[File]()
    with TemporaryDirectory() as folder:
        for number, batch in enumerate(story.batches):
            deliver(batch, url, Path(folder), numbers)
            mistakes = [story.mistake] if story.mistake and number == 0 < len(story.batches) - 1 else []
            landed = deliver(mistakes, url, Path(folder), numbers)
            is_vaulted = number in story.vaulted or number == len(story.batches) - 1
            build_without_checks(dbt, url, "--no-write-json", *(VAULT if is_vaulted else ()))
            arrived += batch
            yield Build(now(url), tell([*arrived, *mistakes]), is_vaulted)
            for name in landed:
                take_back(url, name)


def check_vault(url: str, before: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the rows of the vault: the star follows from them, links end when they do, and nothing is lost."""
    for name in STAR:
        assert found(url, DIFFERENCES.format(name=name)) == [], name
    assert found(url, CATEGORIES) == []
    rows_now = vault_rows(url)
    assert all(kept <= rows_now[name] for name, kept in before.items())
    return rows_now


def now(url: str) -> datetime:
    with psycopg.connect(url) as session:
        return session.execute("select clock_timestamp()").fetchone()[0]


def found(url: str, query: str, **parameters: Any) -> list[tuple]:
    with psycopg.connect(url) as session:
        return session.execute(query, parameters).fetchall()


def value_before(values: list[Any]) -> list[Any]:
    """Return, for each of some values in their order, the last one that was another."""
    before, result = None, []
    for place, value in enumerate(values):
        if place and values[place - 1] != value:
            before = values[place - 1]
        result.append(before)
    return result


def changes(versions: Iterable[tuple]) -> list[tuple]:
    """Return versions without those that say of a customer what the one before says."""
    kept: list[tuple] = []
    for version in versions:
        if not kept or (kept[-1][0], *kept[-1][2:]) != (version[0], *version[2:]):
            kept.append(version)
    return kept


def customers(versions: list[CustomerVersion]) -> Iterator[tuple]:
    """Return what `dim_customer` must say."""
    for customer_id, group in groupby(versions, lambda version: version.customer_id):
        _, starts, countries, segments = map(list, zip(*group, strict=True))
        yield from zip(
            [customer_id] * len(starts),
            starts,
            [*starts[1:], END],
            countries,
            segments,
            value_before(countries),
            value_before(segments),
            [countries[0]] * len(starts),
            [countries[-1]] * len(starts),
            [segments[-1]] * len(starts),
            strict=True,
        )


def products(versions: list[ProductVersion]) -> Iterator[tuple]:
    """Return what `dim_product` must say."""
    for stock_code, group in groupby(versions, lambda version: version.stock_code):
        its_versions = list(group)
        shown = [
            (
                version.description or "Not described",
                (version.categories or "Not categorised").split("; ")[0],
                version.categories or "Not categorised",
                version.price_band or "Not priced",
            )
            for version in its_versions
        ]
        description, category, _, price_band = shown[-1]
        for place, (version, (text, first, all_of_them, band)) in enumerate(zip(its_versions, shown, strict=True)):
            yield (
                stock_code,
                version.valid_from,
                its_versions[place + 1].valid_from if place + 1 < len(its_versions) else END,
                text,
                PRODUCT_CLASSES.get("GIFT" if stock_code.startswith("GIFT_0001_") else stock_code, "merchandise"),
                first,
                all_of_them,
                band,
                description,
                category,
                price_band,
            )


@settings(max_examples=FEW_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories())
@example(BEGINS_WITH_NOTHING)
@example(BEGINS_WITH_ONE_DAY)
@example(CLOSES_MONTHS_BY_MISTAKE)
@example(PAST_ARRIVES_LAST)
def test_history_is_true_whatever_the_order_of_arrival(work_on, dbt, story: Story) -> None:
    """Late files, corrections and mistakes are everyday life; no version and no number in gold may depend on them."""
    prove(work_on, dbt, story)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories())
def test_history_is_true_in_many_stories(work_on, dbt, story: Story) -> None:
    """A fault that needs a rare order of arrival is found by many stories only."""
    prove(work_on, dbt, story)


def prove(work_on, dbt, story: Story) -> None:
    """Live through a story.

    After each build, gold tells what the files tell that are there. After the last one, the snapshots still tell what
    each build knew, no version was ever known in two states at once, and gold is what a single build of the same files
    in their proper order makes of nothing. The star follows from the vault after each build that kept it, and the vault
    still tells what each of these knew.
    """
    with work_on() as warehouse:
        builds, vault = [], dict[str, set[str]]()
        for finished in live_through(story, warehouse.url, dbt):
            builds.append(finished)
            assert found(warehouse.url, CUSTOMERS) == list(customers(finished.said.customers))
            assert found(warehouse.url, RATINGS) == finished.said.ratings
            assert found(warehouse.url, PRODUCTS) == list(products(finished.said.products))
            if finished.is_vaulted:
                vault = check_vault(warehouse.url, vault)
        for at, said, is_vaulted in builds:
            assert found(warehouse.url, KNOWN_CUSTOMERS, at=at) == [row[:5] for row in customers(said.customers)]
            assert found(warehouse.url, KNOWN_PRODUCTS, at=at) == [row[:8] for row in products(said.products)]
            if is_vaulted:
                assert changes(found(warehouse.url, BELIEVED_CUSTOMERS, at=at)) == said.customers
        for snapshot, key in (("snp_customer_versions", "customer_id"), ("snp_product_versions", "stock_code")):
            assert not found(warehouse.url, KNOWN_IN_TWO_STATES.format(snapshot=snapshot, key=key))
        gold = rows(warehouse.url, without=BOOKKEEPING)
    with work_on() as afresh, TemporaryDirectory() as folder:
        deliver(story.files, afresh.url, Path(folder), count(1))
        build_without_checks(dbt, afresh.url, "--no-write-json")
        assert rows(afresh.url, without=BOOKKEEPING) == gold
