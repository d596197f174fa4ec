"""Of all that the generator does to deliveries: what has to keep gold as it was does so, and nothing else does."""

import gzip
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import polars as pl
import psycopg
import pytest
import yaml
from dbt_project import OPTIONAL, Dbt, Outcome, environment
from harness import Database, Sample

from scripts.generate import dirt, price_list
from scripts.generate.writing import CSV_COLUMNS
from scripts.land import land
from scripts.land.loading import LandingReport
from scripts.paths import PROJECT_ROOT

VARS = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())["vars"]
# Fewer bad lines are dirt, in however small a file.
TOO_MANY = VARS["min_quarantined_lines"]
GOLD = sorted(path.stem for path in PROJECT_ROOT.glob("models/marts/*/*.sql") if path.parent.name not in OPTIONAL)
COLUMNS = ("invoice", "code", "text", "quantity", "date", "price", "customer", "country")
LISTED = ("StockCode", "Category", "Cost", "ListPrice", "EffectiveDate")

# Each of the generator's faults of a line, with a name of its own: a reason may come about in several ways.
LINE_FAULTS = {f"{number:02d}-{reason}": spoil for number, (reason, spoil) in enumerate(dirt.FAULTS)}
PRICE_FAULTS = {f"{number:02d}-{reason}": spoil for number, (reason, spoil) in enumerate(price_list.FAULTS)}


def line(invoice: int | str, **changes: str | None) -> dirt.Row:
    """Return a good line, with some values changed."""
    good = ("85123A", "LANTERN", "6", "2011-11-30 10:00:00", "2.55", "17850.0", "United Kingdom")
    return dict(zip(COLUMNS, (str(invoice), *good), strict=True)) | changes


def write(path: Path, rows: list[dirt.Row], header: tuple[str, ...] = CSV_COLUMNS) -> None:
    """Write rows as the generator does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame([list(row.values()) for row in rows], schema=dict.fromkeys(header, pl.String), orient="row").write_csv(
        path
    )


class Served(NamedTuple):
    """What analysts see, and what the log of releases says."""

    gold: dict[str, str]
    releases: int

    @classmethod
    def of(cls, session: psycopg.Connection) -> "Served":
        """Read it."""
        digest = "select coalesce(md5(string_agg(md5(row::text), '' order by md5(row::text))), '') from gold.{} as row"
        gold = {name: session.execute(digest.format(name)).fetchone()[0] for name in GOLD}
        return cls(gold, session.execute("select count(*) from audit.releases").fetchone()[0])


class Build(NamedTuple):
    """A build of the sample and one more delivery: what came of it, and what was served before and after."""

    landing: LandingReport
    outcomes: dict[str, Outcome]
    before: Served
    after: Served
    found: dict[str, list[tuple[Any, ...]]]


def build(work_on, built: Database, dbt: Dbt, folder: Path, **questions: str) -> Build:
    """Land a folder on a copy of the built warehouse, build, and ask questions of it."""
    with work_on(built) as copy, psycopg.connect(copy.url, autocommit=True) as session:
        before = Served.of(session)
        landing = land([folder], copy.url)
        outcomes = dbt("build", "--exclude-resource-type", "unit_test")
        found = {name: session.execute(question.encode()).fetchall() for name, question in questions.items()}
        return Build(landing, outcomes, before, Served.of(session), found)


# What has to keep gold as it was


@pytest.fixture(scope="module")
def blocked(built: Database, work_on: Callable[..., AbstractContextManager[Database]], dbt: Dbt) -> Build:
    """Deliver, beside good lines, a file for each fault with as many of it as are too many, and build."""
    with TemporaryDirectory(prefix="retail-") as folder:
        for file, (name, spoil) in enumerate(LINE_FAULTS.items()):
            rows = [line(900_000 + 100 * file + number) for number in range(2 * TOO_MANY)]
            bad = [row | spoil(row) for row in rows[:TOO_MANY]]
            write(Path(folder, f"{name}.csv"), bad + rows[TOO_MANY:])
        return build(
            work_on,
            built,
            dbt,
            Path(folder),
            too_many="select file_name, quarantined_lines from audit.assert_quarantine_stays_small",
        )


@pytest.mark.parametrize("fault", LINE_FAULTS)
def test_too_many_lines_that_cannot_be_used_block(fault: str, blocked: Build) -> None:
    """A format has changed: gold without these lines would look like a bad day for the shop."""
    assert (f"{fault}.csv", TOO_MANY) in blocked.found["too_many"]


def test_what_blocks_is_a_hard_check_and_nothing_else(blocked: Build) -> None:
    """The files have landed and were built from; were it another error that stopped it, no check would be proven."""
    assert {file.outcome for file in blocked.landing.files} == {"landed"}
    bad = {name: outcome.status for name, outcome in blocked.outcomes.items() if outcome.status in ("error", "fail")}
    assert bad == {"assert_quarantine_stays_small": "fail"}


def test_what_is_blocked_reaches_nobody(blocked: Build) -> None:
    """Neither the bad lines nor the good ones beside them: gold is of one build, and that is still the last one."""
    assert blocked.after == blocked.before


@pytest.fixture(scope="module")
def refused(built: Database, work_on, dbt: Dbt) -> tuple[subprocess.CompletedProcess[str], Served, Served]:
    """Run the build command on a good file and on files that cannot be read."""
    with TemporaryDirectory(prefix="retail-") as folder, work_on(built) as copy:
        for file, spoil in REFUSED.values():
            write(Path(folder, "good.csv"), [line(1_000_000 + number) for number in range(200)])
            Path(folder, file).write_bytes(spoil(Path(folder, "good.csv").read_bytes()))
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}
        ours |= {"DBT_TARGET_PATH": str(dbt.target_path), "DBT_LOG_PATH": str(dbt.log_path)}
        with psycopg.connect(copy.url, autocommit=True) as session:
            before = Served.of(session)
            done = subprocess.run(
                [sys.executable, "-m", "scripts.build", folder],
                cwd=PROJECT_ROOT,
                env=ours | environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            return done, before, Served.of(session)


# How a file is damaged such that landing refuses it as a whole.
REFUSED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a required column is missing": ("columns.csv", lambda text: text.replace(b"Quantity", b"Amount", 1)),
    "too many rows are broken": ("broken.csv", lambda text: re.sub(rb"(?m)^(10000[01]\d),", rb"\1", text)),
    "the archive is cut short": ("short.csv.gz", lambda text: gzip.compress(text)[:-20]),
    "no column is known": ("other.csv", lambda text: text.replace(text.partition(b"\n")[0], b"a,b,c,d,e,f,g,h")),
    "there is nothing in it": ("empty.csv", lambda text: b""),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_file_that_cannot_be_read_blocks(fault: str, refused) -> None:
    """Half a day's lines must not pass for the whole: the file is named, and nothing is built."""
    done, before, after = refused
    assert done.returncode == 1
    assert re.search(rf"^Error: .*{re.escape(REFUSED[fault][0])}", done.stderr, re.MULTILINE), done.stderr
    assert after == before


# What by design does not

# What a delivery of one good invoice and of slips warns of: checks, each with the lines that are the slip.
WARNED: dict[str, list[dirt.Row]] = {
    "assert_invoices_name_one_customer": [line(950_001), line(950_001, customer="17851.0")],
    "assert_customers_are_in_one_country_at_a_time": [
        line(950_002, customer="17852.0"),
        line(950_003, customer="17852.0", country="EIRE"),
    ],
    "assert_countries_are_known": [line(950_005, country="New Atlantis", customer=None)],
    "fct_invoices_obeys_its_rules": [line("C950006")],
}
# What is corrected or understood: the line as it is delivered, and what gold has to say of it.
UNDERSTOOD: dict[str, tuple[list[dirt.Row], list[tuple[Any, ...]]]] = {
    "case and blanks around a code": ([line(960_001, code=" 85123a ")], [("85123A", 6, "2.5500")]),
    "blanks around a country": ([line(960_002, country=" United Kingdom ")], [("85123A", 6, "2.5500")]),
    "no customer": ([line(960_003, customer=None)], [("85123A", 6, "2.5500")]),
    "a note in place of a description": ([line(960_004, text="damaged")], [("85123A", 6, "2.5500")]),
    "no description": ([line(960_005, text=None)], [("85123A", 6, "2.5500")]),
    "an article scanned twice": ([line(960_006), line(960_006)], [("85123A", 6, "2.5500")] * 2),
    "stock written off": ([line(960_007, price="0.0", quantity="-9", customer=None)], [("85123A", -9, "0.0000")]),
    "a price of four decimals": ([line(960_008, price="0.0012")], [("85123A", 6, "0.0012")]),
    "a late line": ([line(960_009, date="2010-01-05 10:00:00")], [("85123A", 6, "2.5500")]),
}
CORRECTED = 970_000
# Lines of the sample and their money.
OTHERS = """
    select count(*), sum(net_amount)
    from gold.fct_sales
    where invoice_number !~ '^C?9[4-79]\\d\\d\\d\\d$' and invoice_number <> '{replaced}'
"""
# An invoice of the sample that a later delivery replaces.
REPLACED = "select invoice_number from gold.fct_invoices where lines > 2 and not is_cancellation order by 1 limit 1"
HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"


# Lines of which each is somebody's mistake.
MISTAKES = [
    # one invoice, two customers
    "997001,85123A,LANTERN,2,2010-06-15 10:00:00,1.25,99011,EIRE",
    "997001,85123B,LANTERN,2,2010-06-15 10:05:00,1.50,99012,EIRE",
    # one second, two countries: on two invoices, and on one
    "997002,85123A,LANTERN,1,2010-06-15 12:00:00,2.00,99013,Spain",
    "997003,85123A,LANTERN,1,2010-06-15 12:00:00,2.00,99013,EIRE",
    "997004,85123A,LANTERN,1,2010-06-15 12:00:00,2.00,99014,France",
    "997004,85123B,LANTERN,1,2010-06-15 12:00:00,2.00,99014,Belgium",
    # a return of what was never sold
    "C997005,85123A,LANTERN,-3,2010-06-15 09:00:00,2.00,99013,EIRE",
    # a cancellation that gives units out
    "C997008,85123A,LANTERN,4,2010-06-15 09:30:00,2.00,99013,EIRE",
    # units that have no opposite, sold to nobody and taken back
    "997009,85123A,LANTERN,-2147483648,2010-06-15 10:00:00,1.00,,EIRE",
    "C997010,85123B,LANTERN,-2147483648,2010-06-15 10:00:00,1.00,99013,EIRE",
    # nothing sold, and nothing taken back of it
    "997011,85123A,LANTERN,0,2010-06-15 10:00:00,2.00,99013,EIRE",
    "C997012,85123A,LANTERN,0,2010-06-15 11:00:00,2.00,99013,EIRE",
    # the next invoice forgets the country, and another one the customer of its last line
    "997013,85123A,LANTERN,1,2010-06-15 10:00:00,2.00,99015,France",
    "997014,85123A,LANTERN,1,2010-06-16 10:00:00,2.00,99015,",
    "997015,85123A,LANTERN,1,2010-06-17 10:00:00,2.00,99015,France",
    "997015,85123B,LANTERN,1,2010-06-17 10:05:00,2.00,,France",
    # years that are typing errors
    "997006,85123A,LANTERN,1,1970-01-01 00:00:00,100.00,99013,EIRE",
    "997007,85123A,LANTERN,1,2070-01-01 00:00:00,100.00,99013,EIRE",
]
PRICES_TO_COME = (
    "StockCode,Category,Cost,ListPrice,EffectiveDate\n85123A,Never,1,,9999-12-31\n85123A,Later,1,,2029-01-01\n"
)


@pytest.fixture(scope="module")
def accepted(built: Database, work_on, dbt: Dbt, sample: Sample) -> Build:
    """Deliver one of each fault, slips, mistakes, corrections, a doubled file, and one in another order."""
    with TemporaryDirectory(prefix="retail-") as parent:
        folder = Path(parent)
        bad = [
            row | spoil(row) for number, spoil in enumerate(LINE_FAULTS.values()) for row in [line(940_000 + number)]
        ]
        write(folder / "1" / "bad.csv", bad)
        write(
            folder / "1" / "slips.csv", [*chain(*WARNED.values()), *chain(*(rows for rows, _ in UNDERSTOOD.values()))]
        )
        write(folder / "1" / "first.csv", [line(CORRECTED), line(CORRECTED, code="22423", quantity="1")])
        write(folder / "2" / "corrected.csv", [line(CORRECTED, quantity="7")])
        (folder / "1" / "mistakes.csv").write_text(HEADER + "\n".join(MISTAKES) + "\n")
        (folder / "1" / "list to come.csv").write_text(PRICES_TO_COME)
        with psycopg.connect(built.url) as session:
            (replaced,) = session.execute(REPLACED).fetchone()
        instead = {"quantity": "2", "price": "1.25", "date": "2011-03-01 10:00:00", "customer": "17860.0"}
        write(folder / "2" / "replaced.csv", [line(replaced, **instead)])
        day = sorted((sample.folder / "daily").glob("*.csv"))[-1].read_text()
        (folder / "2" / "doubled.csv").write_text(day)
        header, *rows = day.splitlines(keepends=True)
        (folder / "2" / "reordered.csv").write_text("".join([header, *reversed(rows)]))
        prices = [
            row | spoil(row)
            for spoil in PRICE_FAULTS.values()
            for row in [dict(zip(LISTED, ("85123A", "Lighting", "1.05", "2.55", "2011-11-01"), strict=True))]
        ]
        write(folder / "2" / "prices.csv", prices, LISTED)
        return build(
            work_on,
            built,
            dbt,
            folder,
            bad_lines=(
                "select quarantine_reasons from silver.quarantined_lines inner join bronze.landed_files using (file_id)"
                " where name like '%bad.csv'"
            ),
            bad_prices=(
                "select quarantine_reasons from silver.quarantined_products"
                " inner join bronze.landed_files using (file_id) where name like '%prices.csv'"
            ),
            lines="select invoice_number, stock_code, quantity, unit_price::text from gold.fct_sales"
            " inner join gold.dim_product using (product_key) where invoice_number ~ '^9[67]'",
            others=OTHERS.format(replaced=replaced),
            replaced=f"select invoice_number, line_number, quantity, net_amount::text from gold.fct_sales"
            f" where invoice_number = '{replaced}'",
            mistaken_lines="select invoice_number, customer_id, line_type, net_amount from gold.fct_sales"
            " inner join gold.dim_customer using (customer_key) where invoice_number ~ '^C?9970\\d\\d$' order by 1, 2",
            mistaken_invoices="select invoice_number, customer_id from gold.fct_invoices"
            " inner join gold.dim_customer using (customer_key) where invoice_number like '9970%'",
            mistaken_money="select sum(net_amount) from gold.fct_sales where invoice_number ~ '^C?9970\\d\\d$'",
            mistakes_set_aside="select quarantine_reasons from silver.quarantined_lines"
            " inner join bronze.landed_files using (file_id) where name like '%mistakes.csv'",
            countries_of_customers="select customer_id, country_name from gold.dim_customer"
            " where customer_id between 99013 and 99015 and valid_from < '2010-07-01' order by 1",
            prices="select distinct current_category, unit_cost from gold.dim_product where stock_code = '85123A'",
        )


def test_what_does_not_block_is_published(accepted: Build) -> None:
    """One slip in one invoice is no reason to serve nobody: all of the delivery is in gold, or told where it is."""
    bad = {name: outcome.message for name, outcome in accepted.outcomes.items() if outcome.status in ("error", "fail")}
    assert bad == {}
    assert accepted.after.releases == accepted.before.releases + 1
    assert accepted.after.gold["fct_sales"] != accepted.before.gold["fct_sales"]


def test_a_few_lines_that_cannot_be_used_are_set_aside(accepted: Build) -> None:
    """They are dirt, as there is in any delivery: each waits with its reason for whoever mends the file."""
    reasons = Counter(reason for (reason,) in accepted.found["bad_lines"])
    assert reasons == Counter(reason for reason, _ in dirt.FAULTS)


def test_prices_that_cannot_be_used_are_set_aside(accepted: Build) -> None:
    """However many they are: the entry before goes on to hold, so no sale is wrong, and the build tells them."""
    reasons = Counter(reason for (reason,) in accepted.found["bad_prices"])
    assert reasons == Counter(reason for reason, _ in price_list.FAULTS)


@pytest.mark.parametrize("check", WARNED)
def test_a_slip_warns(check: str, accepted: Build) -> None:
    """A rule on the data decides what counts, and a soft check lists the rows for whoever looks after them."""
    assert accepted.outcomes[check].status == "warn"


@pytest.mark.parametrize("dirt", UNDERSTOOD)
def test_dirt_that_can_be_understood_counts(dirt: str, accepted: Build) -> None:
    """What a person would read without asking is no fault."""
    delivered, meant = UNDERSTOOD[dirt]
    number = delivered[0]["invoice"]
    assert [row[1:] for row in accepted.found["lines"] if row[0] == number] == meant


def test_a_correction_counts_in_place_of_what_it_corrects(accepted: Build) -> None:
    """Deliveries that overlap are no fault: the last one supplies all lines of the invoice."""
    assert [row[1:] for row in accepted.found["lines"] if row[0] == str(CORRECTED)] == [("85123A", 7, "2.5500")]


def test_a_file_that_comes_twice_counts_once(accepted: Build) -> None:
    """Whatever its name: what was sent again by mistake must neither count nor keep anything from being served."""
    outcomes = {Path(file.name).name: file.outcome for file in accepted.landing.files}
    assert outcomes["doubled.csv"] == "skipped"


def test_lines_that_come_again_in_another_order_count_once(accepted: Build, built: Database) -> None:
    """The two halves of the real data overlap like that: the file is another one, its invoices are not."""
    assert "reordered.csv" in {Path(file.name).name for file in accepted.landing.of("landed")}
    ((replaced, *_),) = accepted.found["replaced"]
    with psycopg.connect(built.url) as session:
        assert accepted.found["others"] == session.execute(OTHERS.format(replaced=replaced)).fetchall()


def test_a_corrected_delivery_replaces_the_invoice(accepted: Build) -> None:
    """A correction landed later supplies all lines of its invoice; nothing of the old delivery may stay in gold."""
    assert [row[1:] for row in accepted.found["replaced"]] == [(1, 2, "2.5000")]


# Mistakes in lines that are well formed


def test_bad_lines_are_told_by_the_checks_that_warn(accepted: Build) -> None:
    """Somebody has to mend them, and nobody can mend what nobody is told of."""
    warned = {name: outcome.failures for name, outcome in accepted.outcomes.items() if outcome.status == "warn"}
    # Two of the mistakes, two and one; and one slip each.
    assert warned == {
        "assert_invoices_name_one_customer": 3,
        "assert_customers_are_in_one_country_at_a_time": 3,
        "fct_invoices_obeys_its_rules": 2,
        "assert_countries_are_known": 1,
    }


def test_bad_lines_are_all_somewhere(accepted: Build) -> None:
    """A line that is dropped in silence is money that nobody misses until the audit."""
    assert len(accepted.found["mistaken_lines"]) == len(MISTAKES) - 2
    assert accepted.found["mistakes_set_aside"] == [("invoice_date_out_of_range",)] * 2


def test_money_of_bad_lines_is_conserved(accepted: Build) -> None:
    """All but what is in quarantine counts, a return of nothing too: it is in the shop's books."""
    good = [line.split(",") for line in MISTAKES if ",2010-" in line]
    assert accepted.found["mistaken_money"] == [(sum(int(line[3]) * Decimal(line[5]) for line in good),)]


def test_lines_of_one_invoice_belong_each_to_its_own_customer(accepted: Build) -> None:
    """What the line says is what was delivered; to move it to another customer would be a guess."""
    assert [customer for invoice, customer, *_ in accepted.found["mistaken_lines"] if invoice == "997001"] == [
        99011,
        99012,
    ]


def test_invoice_of_two_customers_belongs_to_that_of_its_last_line(accepted: Build) -> None:
    """It counts once, by a rule on the data, so that it is the same whatever the order of landing."""
    assert dict(accepted.found["mistaken_invoices"])["997001"] == 99012


def test_customer_in_two_countries_at_a_time_is_in_one_by_rule(accepted: Build) -> None:
    """The greater invoice number decides, then the smaller name: never the order of the lines in the file."""
    assert accepted.found["countries_of_customers"][:2] == [(99013, "Ireland"), (99014, "Belgium")]


def test_invoice_without_a_country_does_not_move_its_customer(accepted: Build) -> None:
    """What is missing says nothing; a move to nowhere and back would be two versions that never were."""
    assert accepted.found["countries_of_customers"][2:] == [(99015, "France")]


def test_line_without_a_customer_does_not_take_the_invoice_away(accepted: Build) -> None:
    """The customer has ordered, and counts as having ordered, whatever else is on the invoice."""
    assert dict(accepted.found["mistaken_invoices"])["997015"] == 99015


def test_price_list_waits_for_its_day(accepted: Build) -> None:
    """What holds from a day that has not come is not what the product is now."""
    assert len(accepted.found["prices"]) == 1
    assert accepted.found["prices"][0][0] not in ("Never", "Later")


def test_cancellation_without_an_original_is_a_return(accepted: Build) -> None:
    """Its sale may be older than the data; the money went back all the same."""
    assert [line[2:] for line in accepted.found["mistaken_lines"] if line[0] == "C997005"] == [
        ("return", Decimal("-6.0000"))
    ]


def test_a_slip_in_the_year_warns(working: Database, dbt: Dbt, tmp_path: Path) -> None:
    """Next year's invoice is somebody's mistake in one place; it waits in the check, and all others are served."""
    today = datetime.now(timezone.utc)
    dates = [today - timedelta(days=1), today + timedelta(days=365)]
    write(tmp_path / "slip.csv", [line(number, date=f"{date:%Y-%m-%d} 10:00:00") for number, date in enumerate(dates)])
    land([tmp_path], working.url)
    outcomes = dbt("build", "--exclude-resource-type", "unit_test")
    assert outcomes["assert_no_invoice_is_from_the_future"].status == "warn"
    with psycopg.connect(working.url) as session:
        assert session.execute("select count(*) from gold.fct_sales").fetchone() == (2,)
