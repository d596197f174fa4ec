"""The generator's files must match its truth; the test reads them with code that the generator does not use."""

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.generate import catalogue, faults, plan, price_list, writing
from scripts.generate.__main__ import generate
from scripts.paths import PROJECT_ROOT

PARQUET_COLUMNS = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
CSV_COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
PRICE_COLUMNS = ["StockCode", "Category", "Cost", "ListPrice", "EffectiveDate"]
SPECIAL_TYPES = {
    **dict.fromkeys(("TEST001", "TEST002"), "test"),
    **dict.fromkeys(("POST", "DOT", "C2", "C3"), "postage"),
    "M": "manual",
    "D": "discount",
    "S": "sample",
    **dict.fromkeys(("BANK CHARGES", "AMAZONFEE", "CRUK"), "fee"),
    **dict.fromkeys(("ADJUST", "ADJUST2"), "stock_adjustment"),
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(generate, [str(argument) for argument in arguments])


def make(out: Path, *arguments: object) -> dict[str, Any]:
    result = run("--out", out, *arguments)
    assert result.exit_code == 0, result.output
    return json.loads((out / "truth.json").read_text(encoding="utf-8"))


def fingerprint(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass
class Reading:
    """The result of reading the sales files row by row, with decimals, by the rules of the warehouse."""

    rows_by_file: dict[str, int] = field(default_factory=dict)
    reasons: Counter = field(default_factory=Counter)
    superseded: int = 0
    overlapping: set = field(default_factory=set)
    deliveries: dict = field(default_factory=dict)
    lines: list = field(default_factory=list)


def whole_number(text: str | None) -> int | None:
    return int(text.removesuffix(".0")) if text and re.fullmatch(r"-?\d+(\.0)?", text) else None


def fails(parse_value: Any, *arguments: Any) -> bool:
    try:
        parse_value(*arguments)
    except (ValueError, InvalidOperation):
        return True
    return False


def fault_of(row: list) -> str | None:
    invoice, code, _, quantity, moment, price, customer, _ = row
    no_timestamp = fails(datetime.strptime, moment, "%Y-%m-%d %H:%M:%S")
    faults = {
        "invoice_number_missing": not (invoice or "").strip(),
        "stock_code_missing": not (code or "").strip(),
        "quantity_not_an_integer": fails(int, quantity),
        "invoice_date_not_a_timestamp": no_timestamp,
        "invoice_date_out_of_range": not no_timestamp and not "2009" <= moment[:4] <= "2030",
        "unit_price_not_a_number": fails(Decimal, price),
        "customer_id_not_an_integer": bool(customer) and whole_number(customer) is None,
    }
    found = [name for name, failed in faults.items() if failed]
    assert len(found) <= 1, "each unusable row has one fault, so that no order of checks matters"
    return found[0] if found else None


def line_type_of(invoice: str, code: str, quantity: int, price: Decimal, customer: int | None) -> str:
    if invoice.startswith("A") or code == "B":
        return "bad_debt"
    if code in SPECIAL_TYPES:
        return SPECIAL_TYPES[code]
    if re.fullmatch(r"GIFT(_0001_\d\d)?", code):
        return "voucher"
    if invoice.startswith("C"):
        return "return"
    if price == 0:
        return "sample" if quantity > 0 and customer is not None else "stock_adjustment"
    return "return" if quantity < 0 else "sale"


def parse(row: list) -> dict[str, Any]:
    invoice, code, text, quantity, moment, price, customer, country = row
    line = {
        "invoice": invoice.strip(),
        "code": code.strip().upper(),
        "text": (text or "").strip().replace("nan", "") or None,
        "quantity": int(quantity),
        "moment": moment,
        "price": Decimal(price),
        "customer": whole_number(customer),
        "country": country.strip().lower(),
    }
    kind = line_type_of(*(line[name] for name in ("invoice", "code", "quantity", "price", "customer")))
    return line | {"type": kind, "net": line["quantity"] * line["price"]}


def read(folder: Path) -> Reading:
    reading = Reading()
    files = []
    for path in sorted(folder.glob("*.parquet")):
        frame = pl.read_parquet(path)
        assert frame.columns == PARQUET_COLUMNS
        rows = [[None if value is None else str(value) for value in row] for row in frame.iter_rows()]
        files.append((path.name, rows))
    for path in (*sorted((folder / "daily").glob("*.csv")), *sorted((folder / "resent").glob("*.csv"))):
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert header == CSV_COLUMNS
        files.append((f"{path.parent.name}/{path.name}", rows))
    invoices: dict[str, list] = {}
    for name, rows in files:
        reading.rows_by_file[name] = len(rows)
        good = defaultdict(list)
        for row in rows:
            fault = fault_of(row)
            if fault:
                reading.reasons[fault] += 1
            else:
                line = parse(row)
                good[line["invoice"]].append(line)
        for invoice in good.keys() & invoices.keys():
            reading.superseded += len(invoices[invoice])
            reading.deliveries[invoice] = (invoices[invoice], good[invoice])
        invoices |= good
    reading.lines = [line for lines in invoices.values() for line in lines]
    return reading


def money(amounts: Any) -> str:
    return f"{sum(amounts, Decimal(0)):.4f}"


def assert_agree(reading: Reading, truth: dict[str, Any]) -> None:
    gold = truth["fct_sales"]
    assert reading.rows_by_file == truth["raw"]["rows_by_file"]
    assert reading.reasons == {name: count for name, count in truth["quarantined"]["by_reason"].items() if count}
    assert reading.superseded == truth["overlap"]["superseded_lines"]
    assert len(reading.deliveries) == truth["overlap"]["invoices"]
    assert len(reading.lines) == gold["lines"]
    assert money(line["net"] for line in reading.lines) == gold["net_amount"]
    by_type = defaultdict(list)
    for line in reading.lines:
        by_type[line["type"]].append(line)
    assert {
        name: {
            "lines": len(lines),
            "quantity": sum(line["quantity"] for line in lines),
            "net_amount": money(line["net"] for line in lines),
        }
        for name, lines in by_type.items()
    } == {name: sums for name, sums in gold["by_line_type"].items() if sums["lines"]}


@dataclass
class PriceReading:
    """The result of reading the price list file by file: rows, entries by code and day, reasons."""

    rows: dict[str, list] = field(default_factory=dict)
    files: list[dict] = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)
    entries: dict = field(default_factory=dict)
    superseded: int = 0

    @property
    def terms(self) -> dict[str, list]:
        """The entries of each code in the order of their days, each with its day first."""
        terms = defaultdict(list)
        for (code, day), values in sorted(self.entries.items()):
            terms[code].append((day, *values))
        return terms


def price_fault_of(row: list) -> str | None:
    code, _, cost, price, day = row
    faults = {
        "stock_code_missing": not code.strip(),
        "cost_not_a_number": fails(Decimal, cost),
        "list_price_not_a_number": fails(Decimal, price),
        "effective_date_not_a_date": fails(date.fromisoformat, day),
    }
    found = [name for name, failed in faults.items() if failed]
    assert len(found) <= 1, "each unusable row has one fault, so that no order of checks matters"
    return found[0] if found else None


def categories_of(cell: str) -> str | None:
    """Return the categories of a cell, each once and in their order, or None for an empty cell."""
    return "; ".join(dict.fromkeys(part.strip() for part in cell.split(";"))) or None


def read_prices(folder: Path) -> PriceReading:
    reading = PriceReading()
    for path in sorted((folder / "products").iterdir()):
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert header == PRICE_COLUMNS
        reading.rows[f"products/{path.name}"] = rows
        found = {}
        for row in rows:
            fault = price_fault_of(row)
            if fault:
                reading.reasons[fault] += 1
            else:
                code, category, cost, price, day = row
                found[code.strip().upper(), day] = (categories_of(category), Decimal(cost), Decimal(price))
        assert len(found) == sum(price_fault_of(row) is None for row in rows), "a file says nothing twice"
        reading.superseded += len(found.keys() & reading.entries.keys())
        reading.entries |= found
        reading.files.append(found)
    return reading


def category_versions_of(terms: list, first_line: str) -> list[tuple[str, str]]:
    """Return the category versions of a product. Entries before its first month take effect in its first month."""
    first_month = f"{first_line[:7]}-01"
    said = [(max(day, first_month), categories) for day, categories, *_ in terms if categories]
    versions = [(first_month, said[0][1])] if said else []
    for day, categories in said:
        if day == first_month:
            versions = [(day, categories)]
        elif categories != versions[-1][1]:
            versions.append((day, categories))
    return versions


def category_versions(sales: Reading, prices: PriceReading) -> dict[str, list[tuple[str, str]]]:
    first_lines: dict[str, str] = {}
    for line in sales.lines:
        first_lines[line["code"]] = min(line["moment"], first_lines.get(line["code"], line["moment"]))
    versions = {
        code: category_versions_of(terms, first_lines[code])
        for code, terms in prices.terms.items()
        if code in first_lines
    }
    return {code: of_code for code, of_code in versions.items() if of_code}


def assert_prices_agree(sales: Reading, prices: PriceReading, truth: dict[str, Any]) -> None:
    told = truth["price_list"]
    rows = {name: len(rows) for name, rows in prices.rows.items()}
    assert rows == told["rows_by_file"]
    assert (sum(rows.values()), len(rows)) == (told["raw_rows"], told["files"])
    assert prices.reasons == {name: count for name, count in told["unusable"].items() if count}
    assert (prices.superseded, len(prices.entries)) == (told["superseded_rows"], told["entries"])
    assert told["raw_rows"] == told["entries"] + told["superseded_rows"] + sum(told["unusable"].values())
    assert len(prices.terms) == told["products"]
    assert max(rows.values()) <= 20 / 19 * told["products"] + 1, "one product in twenty is not listed"
    current = []
    for code, terms in prices.terms.items():
        day, _, cost, price = terms[-1]
        categories = next((said for _, said, *_ in reversed(terms) if said), None)
        current.append(
            {
                "stock_code": code,
                "category": categories and categories.split("; ")[0],
                "categories": categories,
                "cost": money([cost]),
                "list_price": money([price]),
                "effective_date": day,
            }
        )
    assert told["current"] == current[:50]

    versions = category_versions(sales, prices)
    changed = {code: of_code for code, of_code in versions.items() if len(of_code) > 1}
    assert told["category_versions"] == {
        "products": len(versions),
        "versions": sum(map(len, versions.values())),
        "in_several_categories": sum(any(";" in said for _, said in of_code) for of_code in versions.values()),
        "changed": len(changed),
        "of_changed": [
            {"stock_code": code, "valid_from": day, "categories": categories}
            for code in list(changed)[:50]
            for day, categories in changed[code]
        ],
    }


@dataclass
class Sample:
    """One run of the generator, read once, for the tests that do not change it."""

    folder: Path
    truth: dict[str, Any]
    reading: Reading
    prices: PriceReading


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Sample:
    folder = tmp_path_factory.mktemp("generate") / "sample"
    truth = make(folder, "--rows", 30_000, "--seed", 7, "--months", 6, "--unusable-share", 0.004)
    return Sample(folder, truth, read(folder), read_prices(folder))


@pytest.fixture(scope="module")
def two_years(tmp_path_factory) -> Sample:
    """Generate a price list of many files; few sales are enough for that."""
    folder = tmp_path_factory.mktemp("generate") / "two_years"
    truth = make(folder, "--rows", 10_000, "--seed", 5)
    return Sample(folder, truth, read(folder), read_prices(folder))


def test_same_seed_makes_same_bytes(tmp_path):
    """A developer can reproduce a failing test only if the same seed generates the same data."""
    make(tmp_path / "a", "--rows", 5_000, "--seed", 3, "--months", 2)
    make(tmp_path / "b", "--rows", 5_000, "--seed", 3, "--months", 2)
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b")


def test_other_seed_makes_other_data(tmp_path):
    """If the seed had no effect, every run would test the same data set."""
    first = make(tmp_path / "a", "--rows", 500, "--seed", 1)
    second = make(tmp_path / "b", "--rows", 500, "--seed", 2)
    assert first["fct_sales"]["net_amount"] != second["fct_sales"]["net_amount"]


def test_bytes_do_not_depend_on_cores(tmp_path):
    """A run on a laptop and a run in CI must be comparable by checksum."""
    for threads in ("1", "3"):
        command = [sys.executable, "-m", "scripts.generate", "--rows", "4000", "--months", "2", "--out"]
        command.append(str(tmp_path / threads))
        subprocess.run(command, cwd=PROJECT_ROOT, env=os.environ | {"POLARS_MAX_THREADS": threads}, check=True)
    assert fingerprint(tmp_path / "1") == fingerprint(tmp_path / "3")


def test_bytes_do_not_depend_on_pieces(tmp_path, monkeypatch):
    """The number of rows that the generator holds in memory must not change the data."""
    make(tmp_path / "one", "--rows", 8_000, "--months", 2)
    monkeypatch.setattr(writing, "ROWS_IN_A_PIECE", 500)
    make(tmp_path / "many", "--rows", 8_000, "--months", 2)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "many")


def test_several_shifts_a_day_keep_the_truth(tmp_path, monkeypatch):
    """Runs of tens of millions of rows generate a day in shifts, which must not change invoices or truth."""
    monkeypatch.setattr(plan, "ROWS_IN_A_SHIFT", 25)
    truth = make(tmp_path / "out", "--rows", 4_000, "--months", 2, "--unusable-share", 0.01)
    assert_agree(read(tmp_path / "out"), truth)


def test_files_hold_what_truth_says(sample):
    """Tests compare the warehouse with the truth, so an independent reading of the files must give the same numbers."""
    assert_agree(sample.reading, sample.truth)


def test_truth_adds_up(sample):
    """Every row is in gold, superseded or quarantined, and every breakdown of gold sums to the total."""
    truth, gold = sample.truth, sample.truth["fct_sales"]
    assert truth["raw"]["rows"] == truth["made_with"]["rows"] == sum(truth["raw"]["rows_by_file"].values())
    assert truth["raw"]["rows"] == gold["lines"] + truth["overlap"]["superseded_lines"] + truth["quarantined"]["lines"]
    types = gold["by_line_type"].values()
    assert sum(kind["lines"] for kind in types) == gold["lines"]
    assert sum(kind["quantity"] for kind in types) == gold["quantity"]
    for split in (
        [kind["net_amount"] for kind in types],
        gold["net_amount_by_country"].values(),
        gold["net_amount_by_month"].values(),
    ):
        assert money(Decimal(amount) for amount in split) == gold["net_amount"]


def test_counts_of_gold(sample):
    """Sums over line types would not reveal wrong counts of invoices, customers and products."""
    lines, gold = sample.reading.lines, sample.truth["fct_sales"]
    assert len({line["invoice"] for line in lines}) == gold["invoices"]
    assert sum(line["invoice"].startswith("C") for line in lines) == gold["cancellation_lines"]
    assert len({line["invoice"] for line in lines if line["invoice"][0] == "C"}) == gold["cancellation_invoices"]
    assert sum(line["customer"] is None for line in lines) == gold["lines_without_customer"]
    assert len({line["code"] for line in lines}) == sample.truth["products"]["distinct_stock_codes"]
    assert len({line["customer"] for line in lines} - {None}) == sample.truth["customers"]["distinct"]


@pytest.mark.parametrize(
    ("key", "name_of"),
    [
        ("net_amount_by_country", lambda line: line["country"]),
        ("net_amount_by_month", lambda line: line["moment"][:7]),
    ],
)
def test_money_by_country_and_month(sample, key, name_of):
    """The total can be correct while single countries or months are wrong."""
    found = defaultdict(Decimal)
    for line in sample.reading.lines:
        found[name_of(line)] += line["net"]
    told = {name.lower(): amount for name, amount in sample.truth["fct_sales"][key].items()}
    assert {name: money([amount]) for name, amount in found.items()} == told


def test_overlapping_deliveries_agree(sample):
    """If the two halves delivered different lines, gold would depend on the half that landed last."""
    deliveries = sample.reading.deliveries.values()
    plain = [[[tuple(line.items()) for line in lines] for lines in pair] for pair in deliveries]
    assert all(Counter(first) == Counter(second) for first, second in plain)
    assert any(first != second for first, second in plain), "some invoices list their lines in another order"


def test_customers_who_move(sample):
    """Tests of history use these dates, so each must be the day of an invoice from the new country."""
    days = defaultdict(dict)
    for line in sorted(sample.reading.lines, key=lambda line: (line["moment"], line["invoice"])):
        days[line["customer"]][line["moment"][:10]] = line["country"]
    found = []
    for customer, countries in days.items():
        if customer is None or len(set(countries.values())) == 1:
            continue
        last = None
        for day, country in sorted(countries.items()):
            if country != last:
                found.append((customer, country, day))
            last = country
    told = [
        (version["customer_id"], version["country"].lower(), version["valid_from"])
        for version in sample.truth["customers"]["country_versions"]
    ]
    assert sorted(found) == sorted(told)
    assert sample.truth["customers"]["moved"] == len({customer for customer, _, _ in found}) > 0
    stays = Counter((customer, country) for customer, country, _ in found)
    back = {customer for (customer, _), count in stays.items() if count > 1}
    assert sample.truth["customers"]["moved_back"] == len(back) > 0


def test_renamed_products(sample):
    """Tests of history use the renamed products, so only these may change the usual description of a month."""
    sold = defaultdict(Counter)
    for line in sample.reading.lines:
        if line["type"] == "sale":
            sold[line["code"], line["moment"][:7]][line["text"]] += 1
    names = defaultdict(dict)
    for (code, month), counts in sorted(sold.items()):
        (usual, most), *others = counts.most_common()
        assert all(count < most for _, count in others), "no month may be undecided"
        names[code].setdefault(usual, month)
    found = {code: (tuple(by_name), list(by_name.values())[-1]) for code, by_name in names.items() if len(by_name) > 1}
    told = {
        product["stock_code"]: (
            (product["old_description"], product["new_description"]),
            product["first_month_under_new"],
        )
        for product in sample.truth["products"]["renamed_products"]
    }
    assert found == told
    assert len(told) == sample.truth["products"]["renamed"] > 0


def test_unusable_rows_are_in_whole_invoices(sample):
    """An unusable row must not remove an invoice from gold: its invoice keeps usable rows, and the overlap has none."""
    assert set(sample.truth["quarantined"]["by_reason"]) == set(sample.reading.reasons)
    assert sample.truth["quarantined"]["lines"] == 120
    in_both = {lines[0]["moment"][:10] for _, lines in sample.reading.deliveries.values()}
    for day in in_both:
        frame = pl.read_csv(sample.folder / "daily" / f"{day}.csv", infer_schema=False)
        assert not any(fault_of(row) for row in frame.iter_rows())


def test_every_oddity_is_there(sample):
    """A sample without the oddities of the real data would test only the easy cases."""
    gold = sample.truth["fct_sales"]
    assert all(kind["lines"] for kind in gold["by_line_type"].values())
    assert 0.18 < gold["lines_without_customer"] / gold["lines"] < 0.28
    moments = defaultdict(set)
    for line in sample.reading.lines:
        moments[line["invoice"]].add(line["moment"])
    assert any(len(times) > 1 for times in moments.values())
    raw = pl.concat([pl.read_csv(path, infer_schema=False) for path in (sample.folder / "daily").glob("*.csv")])
    for column in ("StockCode", "Country"):
        values = raw[column].drop_nulls().unique().to_list()
        assert any(value != value.strip() for value in values)
        assert any(value.islower() for value in values)
    assert raw.is_duplicated().any()
    older = pl.read_parquet(next(sample.folder.glob("*.parquet")))
    assert (older["Description"] == "nan").any()
    assert older["Description"].is_null().any()


def test_most_returns_belong_to_an_order(sample):
    """The warehouse joins returns to sales, so most generated returns need an earlier sale."""
    sold = {(line["customer"], line["code"]) for line in sample.reading.lines if line["type"] == "sale"}
    back = [line for line in sample.reading.lines if line["type"] == "return" and line["customer"] is not None]
    assert sum((line["customer"], line["code"]) in sold for line in back) > 0.7 * len(back)


def test_cancellations_undo_a_sale_or_a_part_of_it(sample):
    """Tests of cancellation matching need whole, partial and unmatched cancellations."""
    sold, found = defaultdict(list), Counter()
    for line in sample.reading.lines:
        if line["type"] == "sale":
            sold[line["customer"], line["code"]].append((line["moment"], line["quantity"]))
    for line in sample.reading.lines:
        if line["type"] == "return" and line["invoice"][0] == "C" and line["customer"] is not None:
            earlier = [pieces for at, pieces in sold[line["customer"], line["code"]] if at < line["moment"]]
            found["lines"] += 1
            if -line["quantity"] in earlier:
                found["of_a_whole_sale"] += 1
            elif any(pieces > -line["quantity"] for pieces in earlier):
                found["of_a_part_of_a_sale"] += 1
    assert sample.truth["cancelled_goods"] == {"customers_divisible_by": 1, **found}
    assert found["of_a_whole_sale"] > found["of_a_part_of_a_sale"] > 0.2 * found["lines"]
    assert 0 < found["lines"] - found["of_a_whole_sale"] - found["of_a_part_of_a_sale"] < 0.2 * found["lines"]


def test_shop_is_closed_on_saturdays_and_at_christmas(sample):
    """Calendar marts depend on the closed days of the real calendar."""
    for day in {line["moment"][:10] for line in sample.reading.lines}:
        moment = datetime.strptime(day, "%Y-%m-%d")
        assert moment.weekday() != 5
        assert "01-03" < day[5:] < "12-24"


def test_price_list_holds_what_truth_says(sample, two_years):
    """Tests compare products with the truth, so an independent reading of the price list must give the same numbers."""
    for run_of in (sample, two_years):
        assert_prices_agree(run_of.reading, run_of.prices, run_of.truth)


def test_price_list_leaves_the_sales_alone(tmp_path, sample):
    """Older samples must stay the same, so the price list adds only its own files and its own key in the truth."""
    folder = tmp_path / "out"
    arguments = ("--rows", 30_000, "--seed", 7, "--months", 6, "--unusable-share", 0.004)
    truth = make(folder, *arguments, "--no-price-list")
    assert truth == {key: value for key, value in sample.truth.items() if key != "price_list"}
    alone, both = fingerprint(folder), fingerprint(sample.folder)
    assert alone.keys() ^ both.keys() == sample.prices.rows.keys()
    assert {name for name in alone if alone[name] != both[name]} == {"truth.json"}


def test_price_list_is_issued_by_the_quarter(two_years):
    """Later files list only new and changed products; files that repeat the whole range would test no history."""
    quarters = [f"products/{year}-{month}-01.csv" for year in (2009, 2010, 2011) for month in ("03", "06", "09", "12")]
    assert list(two_years.prices.rows) == quarters[3:11]
    assert len({day for _, day in two_years.prices.entries}) == 24, "a new product is priced from the month it enters"
    first, *later = two_years.prices.files
    known = {code: terms for (code, _), terms in first.items()}
    assert 0.65 < len(known) / two_years.truth["price_list"]["products"] < 0.9
    for before, found in zip(two_years.prices.files, later, strict=False):
        assert len(found) < len(first) / 2
        for (code, day), terms in found.items():
            if (code, day) not in before:
                assert known.get(code) != terms
        known |= {code: terms for (code, _), terms in found.items()}


def test_price_list_repeats_and_corrects_the_one_before(two_years):
    """Only two files with the same code and day can test that the later file wins."""
    files = list(two_years.prices.rows.values())
    for before, after in pairwise(files):
        usable = [row for row in after if price_fault_of(row) is None]
        again = [row for row in usable if (row[0], row[4]) in {(other[0], other[4]) for other in before}]
        corrected = [row for row in again if row not in before]
        assert 1 <= len(corrected) <= 2 < len(again)
        for code, category, cost, *rest in corrected:
            assert any([code, category, *rest] == [*row[:2], *row[3:]] and cost != row[2] for row in before)


def test_price_list_has_its_oddities(sample, two_years):
    """A list of all products with round costs and clean codes would test only the easy cases."""
    for prices, told in ((run_of.prices, run_of.truth["price_list"]) for run_of in (sample, two_years)):
        assert set(told["unusable"]) == set(prices.reasons)
        assert prices.reasons.total() < 0.01 * told["raw_rows"]
        rows = [row for rows in prices.rows.values() for row in rows if price_fault_of(row) is None]
        assert any(row[0] != row[0].strip() for row in rows)
        assert any(row[0].islower() for row in rows)
        assert {len(row[2].partition(".")[2]) for row in rows} == {2, 3, 4}
        assert all(0 < cost < price for _, cost, price in prices.entries.values())


def test_categories_have_their_oddities(sample, two_years):
    """Products with one constant category in one spelling would test only the easy cases."""
    for run_of in (sample, two_years):
        cells = [row[1] for rows in run_of.prices.rows.values() for row in rows]
        cleaned = [categories_of(cell) for cell in cells]
        assert len({categories.split("; ")[0] for categories in cleaned if categories}) == 12
        assert {categories.count(";") for categories in cleaned if categories} == {0, 1, 2}
        for is_so in (
            lambda cell: cell == "",
            lambda cell: cell != cell.strip(),
            lambda cell: re.search(r"\S;\S", cell),
            lambda cell: re.search(r" ; ", cell),
            lambda cell: len(set(cell.split("; "))) < len(cell.split("; ")),
        ):
            assert 0 < sum(bool(is_so(cell)) for cell in cells) < 0.1 * len(cells)
        told = run_of.truth["price_list"]["category_versions"]
        assert 0.1 < told["in_several_categories"] / told["products"] < 0.16


def test_categories_change_in_every_way(two_years):
    """Every change must give a version: another main category, one more, one less, or a return to earlier ones."""
    histories = [
        [categories.split("; ") for _, categories in versions]
        for versions in category_versions(two_years.reading, two_years.prices).values()
    ]
    steps = [step for history in histories for step in pairwise(history)]
    assert 0 < len(steps) < 0.05 * len(histories)
    assert any(before[0] != after[0] for before, after in steps), "moved"
    assert any(after[: len(before)] == before for before, after in steps), "gained"
    assert any(before[: len(after)] == after for before, after in steps), "lost"
    assert any(history[0] == history[-1] for history in histories if len(history) > 1), "there and back"


def test_share_of_unusable_rows_is_that_of_the_price_list_too(tmp_path):
    """A share of 0 must give clean files, and a very small share must still give one unusable row for each reason."""
    for share, found in (("0", 0), ("0.000001", 4), ("0.03", 9)):
        told = make(tmp_path / share, "--rows", 4_000, "--months", 1, "--unusable-share", share)["price_list"]
        assert (told["entries"], sum(told["unusable"].values())) == (301, found)


def test_quarter_without_news_has_no_price_list(tmp_path, monkeypatch):
    """Landing refuses a file that has only a header, and then refuses the whole folder."""
    monkeypatch.setattr(catalogue, "STEP_CHANCE", 0.0)
    monkeypatch.setattr(price_list, "DRIFT_CHANCE", 0.0)
    truth = make(tmp_path / "out", "--rows", 1, "--months", 60)
    assert 1 < truth["price_list"]["files"] < 20
    prices = read_prices(tmp_path / "out")
    assert all(prices.rows.values())
    assert_prices_agree(read(tmp_path / "out"), prices, truth)


def test_price_list_prices_what_is_sold(two_years):
    """Margins join sales to the list, so it needs nearly every product from its first sale on, at the shop's price."""
    terms = two_years.prices.terms
    sold = [line for line in two_years.reading.lines if line["type"] == "sale"]
    codes = {line["code"] for line in sold}
    assert 0.93 < len(codes & terms.keys()) / len(codes) < 0.97
    listed = [line for line in sold if line["code"] in terms]
    in_force = [[price for day, *_, price in terms[line["code"]] if day <= line["moment"][:10]] for line in listed]
    assert all(in_force)
    asked = sum(line["price"] == prices[-1] for line, prices in zip(listed, in_force, strict=True))
    assert asked > 0.6 * len(listed)


@pytest.fixture(scope="module")
def with_and_without_faults(tmp_path_factory) -> tuple[Path, Path, dict[str, Any]]:
    parent = tmp_path_factory.mktemp("faults")
    arguments = ("--rows", 60_000, "--seed", 3, "--months", 14, "--unusable-share", 0, "--no-price-list")
    make(parent / "without", *arguments)
    return parent / "with", parent / "without", make(parent / "with", *arguments, "--faults", 7)


def test_faults_are_in_the_truth(with_and_without_faults) -> None:
    """The truth must describe the files with their faults, because the warehouse receives only these files."""
    folder, _, truth = with_and_without_faults
    assert_agree(read(folder), truth)
    assert Counter(fault["kind"] for fault in truth["faults"]).most_common()[0][1] == 2
    assert {fault["kind"] for fault in truth["faults"]} == set(faults.KINDS)


def test_faults_are_as_they_are_told_and_nowhere_else(with_and_without_faults) -> None:
    """Recall is measured against the recorded faults, and precision against the days without a fault."""
    folder, sound, truth = with_and_without_faults
    before, after = fingerprint(sound / "daily"), fingerprint(folder / "daily")
    wrong, lost = set(), 0
    for fault in truth["faults"]:
        days = [day for day in before if fault["first_day"] <= day.removesuffix(".csv") <= fault["last_day"]]
        assert days
        wrong.update(days)
        for day in days:
            old = pl.read_csv(sound / "daily" / day, infer_schema=False)
            if fault["kind"] == "missing_day":
                assert day not in after
                continue
            new = pl.read_csv(folder / "daily" / day, infer_schema=False)
            prices = pl.col("UnitPrice").cast(pl.Decimal(14, 4))
            if fault["kind"] == "doubled_file":
                again = pl.read_csv(folder / "resent" / day, infer_schema=False)
                assert new.equals(old)
                assert again.drop("InvoiceNo").equals(old.drop("InvoiceNo"))
                assert not set(again["InvoiceNo"]) & set(old["InvoiceNo"])
            elif fault["kind"] == "currency_slip":
                assert (new.select(prices)["UnitPrice"] == old.select(prices * 100)["UnitPrice"]).all()
            elif fault["kind"] == "country_lost":
                there = pl.col("Country").str.strip_chars().str.to_lowercase() != fault["country"].lower()
                kept = ["InvoiceNo", "InvoiceDate", "Quantity", "UnitPrice", "CustomerID"]
                assert len(new) > 0
                lost += len(old) - len(new)
                assert new.select(kept).equals(old.filter(there).select(kept))
            elif fault["kind"] == "customers_lost":
                assert new["CustomerID"].is_null().all()
                assert new.drop("CustomerID").equals(old.drop("CustomerID"))
            else:
                ratio = new.select(prices)["UnitPrice"].cast(float) / old.select(prices)["UnitPrice"].cast(float)
                assert 1.25 < ratio.drop_nans().median() < 1.31
    assert lost > 0
    assert {day for day in before if before[day] != after.get(day)} <= wrong
    assert set(fingerprint(folder)) - {f"daily/{day}" for day in after} - set(fingerprint(sound)) == {
        f"resent/{fault['first_day']}.csv" for fault in truth["faults"] if fault["kind"] == "doubled_file"
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 300), seed=st.integers(0, 2**64), share=st.sampled_from([0.0, 0.05, 0.2]))
def test_any_small_run_is_exact(tmp_path, rows, seed, share):
    """Small runs expose errors in rounding, empty halves and missing line types."""
    out = tmp_path / "out"
    truth = make(out, "--rows", rows, "--seed", seed, "--unusable-share", share, "--overwrite")
    assert truth["raw"]["rows"] == rows
    assert_agree(read(out), truth)
    assert_prices_agree(read(out), read_prices(out), truth)


@pytest.mark.parametrize(
    ("start", "months"), [("2010-06-17", 1), ("2010-12-20", 1), ("2009-12-24", 2), ("2030-01-01", 12)]
)
def test_any_span_is_exact(tmp_path, start, months):
    """Spans that start in the middle of a month or in the holidays must have two halves too."""
    truth = make(tmp_path / "out", "--rows", 500, "--start", start, "--months", months)
    assert truth["raw"]["rows"] == 500
    assert_agree(read(tmp_path / "out"), truth)
    assert_prices_agree(read(tmp_path / "out"), read_prices(tmp_path / "out"), truth)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rows", 0),
        ("--rows", -5),
        ("--rows", 10**12),
        ("--rows", 5, "--seed", -1),
        ("--rows", 5, "--months", 0),
        ("--rows", 5, "--months", 10**9),
        ("--rows", 5, "--start", "1999-01-01"),
        ("--rows", 5, "--start", "2030-06-01"),
        ("--rows", 5, "--start", "2010-12-25", "--months", 1),
        ("--rows", 5, "--unusable-share", "nan"),
        ("--rows", 5, "--unusable-share", 0.9),
        ("--rows", 5, "--faults", -1),
        ("--rows", 90_000, "--faults", 100),
    ],
)
def test_bad_values_are_refused_in_one_line(tmp_path, arguments):
    """The user must correct a value out of range, so the run prints one line without a traceback and writes nothing."""
    result = run("--out", tmp_path / "out", *arguments)
    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    assert not list(tmp_path.iterdir())


def test_wrong_usage_is_exit_two(tmp_path):
    """Scripts distinguish a wrong call from a failed run by the exit code."""
    assert run("--rows", "many", "--out", tmp_path / "out").exit_code == 2


def test_full_folder_is_refused(tmp_path):
    """A user who names the wrong folder must not lose files, even with --overwrite."""
    (tmp_path / "precious.txt").write_text("mine")
    for flags in ((), ("--overwrite",)):
        result = run("--rows", 5, "--out", tmp_path, *flags)
        assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_overwrite_replaces_the_whole_folder(tmp_path):
    """Days of an earlier, longer run must not remain among the new days."""
    make(tmp_path / "out", "--rows", 500)
    truth = make(tmp_path / "out", "--rows", 60, "--overwrite")
    assert set(fingerprint(tmp_path / "out")) == {
        *truth["raw"]["rows_by_file"],
        *truth["price_list"]["rows_by_file"],
        *truth["customer_master"]["rows_by_file"],
        "truth.json",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_unwritable_place_is_refused(tmp_path):
    """A folder cannot be created inside a file, and one line must say so."""
    (tmp_path / "file").write_text("")
    result = run("--rows", 5, "--out", tmp_path / "file" / "out")
    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output


@pytest.mark.parametrize("limit", [120_000, 30_000])
def test_full_disk_leaves_nothing(tmp_path, limit):
    """A half-written delivery would land like a complete one. A limit on the file size simulates the full disk."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        "from scripts.generate.__main__ import generate; generate(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "--rows", "40000", "--months", "2", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_run_leaves_no_folder(tmp_path, number):
    """The folder must appear only when it is complete, and the next run must delete the rest of a killed run."""
    out, partial = tmp_path / "out", tmp_path / ".out.partial"
    command = [sys.executable, "-m", "scripts.generate", "--rows", "3000000", "--out", str(out)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stderr=subprocess.DEVNULL) as process:
        while not (partial / "daily").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
    assert not out.exists()
    assert partial.exists() == (number == signal.SIGKILL)
    make(out, "--rows", 50)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
