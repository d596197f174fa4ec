"""Facts that SQL derives from sets of lines must equal a calculation line by line, by the rules of a clerk."""

from bisect import bisect_right
from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

import psycopg
import pytest
import yaml
from harness import Database, Sample
from psycopg.rows import TupleRow, class_row

from scripts.paths import PROJECT_ROOT

Gold = psycopg.Connection[TupleRow]
Place = tuple[str, int]


@pytest.fixture(scope="module")
def gold(built: Database) -> Gold:
    with psycopg.connect(built.url) as connection:
        yield connection


# Cancellations


class Line(NamedTuple):
    """A line that sells or cancels merchandise of a known customer."""

    invoice_number: str
    line_number: int
    invoiced_at: datetime
    customer_id: int
    stock_code: str
    is_cancellation: bool
    units: int

    @property
    def place(self) -> Place:
        """The invoice and the line number."""
        return self.invoice_number, self.line_number


def lines_in_time(gold: Gold) -> list[Line]:
    """Return sales and cancellations in the order in which the clerk reads them."""
    with gold.cursor(row_factory=class_row(Line)) as cursor:
        lines = cursor.execute(
            """
            select
                invoice_number,
                line_number,
                invoiced_at,
                customer_id,
                stock_code,
                is_cancellation,
                abs(quantity) as units
            from silver.int_lines_classified
            where customer_id is not null and (line_type = 'sale' or (line_type = 'return' and is_cancellation))
            """
        ).fetchall()
    return sorted(lines, key=lambda line: (line.invoiced_at, line.is_cancellation, *line.place))


def matched_by_hand(lines: list[Line]) -> dict[Place, tuple[str, Place | None]]:
    """Return for each cancellation the type of its match and the place of the sale."""
    stacks: dict[tuple[int, str, int], list[Line]] = defaultdict(list)
    matches: dict[Place, tuple[str, Place | None]] = {}
    left = []
    for line in lines:
        stack = stacks[line.customer_id, line.stock_code, line.units]
        if not line.is_cancellation:
            stack.append(line)
        elif stack:
            matches[line.place] = ("whole", stack.pop().place)
        else:
            left.append(line)
    sales: dict[tuple[int, str], list[Line]] = defaultdict(list)
    for stack in stacks.values():
        for sale in stack:
            sales[sale.customer_id, sale.stock_code].append(sale)
    asked: dict[Place, int] = defaultdict(int)
    for line in left:
        larger = [
            sale
            for sale in sales[line.customer_id, line.stock_code]
            if sale.invoiced_at <= line.invoiced_at and sale.units > line.units
        ]
        matches[line.place] = ("none", None)
        if larger:
            last = max(larger, key=lambda sale: (sale.invoiced_at, *sale.place))
            asked[last.place] += line.units
            if asked[last.place] <= last.units:
                matches[line.place] = ("part", last.place)
    return matches


def test_cancellations_find_the_sales_that_a_clerk_finds(gold: Gold) -> None:
    """The window functions are hard to read, so each match must equal the result of the plain rule."""
    found = {
        (invoice, line): (kind, sale and (sale, sale_line))
        for invoice, line, kind, sale, sale_line in gold.execute(
            "select invoice_number, line_number, match_type, sale_invoice_number, sale_line_number"
            " from silver.int_cancellations_matched"
        )
    }
    by_hand = matched_by_hand(lines_in_time(gold))
    assert {kind for kind, _ in by_hand.values()} == {"whole", "part", "none"}
    assert found == by_hand


def test_every_cancelled_line_that_was_meant_is_looked_at(gold: Gold, sample: Sample) -> None:
    """A left-out line would be neither matched nor reported as unmatched."""
    truth = sample.truth["cancelled_goods"]
    assert truth["customers_divisible_by"] == 1
    assert gold.execute("select count(*) from silver.int_cancellations_matched").fetchone() == (truth["lines"],)


# Products on offer


def test_products_are_on_offer_for_a_while_after_each_sale(gold: Gold) -> None:
    """Slow movers are products on offer that do not sell; an error of one day would list the wrong products."""
    window = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())["vars"]["offer_window_days"]
    sales = gold.execute(
        "select distinct product_durable_key, date_key from gold.fct_sales where line_type = 'sale' order by date_key"
    ).fetchall()
    days = sorted({day for _, day in sales})
    numbers = {day: number for number, day in enumerate(days)}
    sold: dict[int, list[int]] = defaultdict(list)
    for product, day in sales:
        sold[product].append(numbers[day])
    by_hand = {
        (product, days[number]): number - last
        for product, numbers_sold in sold.items()
        for number in range(numbers_sold[0], len(days))
        if number - (last := numbers_sold[bisect_right(numbers_sold, number) - 1]) < window
    }
    found = gold.execute(
        "select product_durable_key, date_key, days_since_sold from gold.fct_product_offered_day"
    ).fetchall()
    assert {(product, day): ago for product, day, ago in found} == by_hand
