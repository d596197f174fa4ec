"""Made-up histories of a small shop, and the files by which a warehouse hears of them, late, twice and in disorder.

Few customers, products and days on purpose: two invoices in one second, a move there and back, a price that is
corrected by a later list, and months that nobody bought in are the rule here, not the exception.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from history_reference import Entry, File, Line
from hypothesis import strategies as st

SALES_HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
LIST_HEADER = ["StockCode", "Category", "Cost", "ListPrice", "EffectiveDate"]

# Without an account, too.
CUSTOMERS = (12346, 12347, 12348, None)
COUNTRIES = ("France", "Spain", "United Kingdom")
PRODUCTS = ("22423", "85123A")
DESCRIPTIONS = ("LANTERN", "Lantern, red", "lantern", "damaged", None)
PRICES = tuple(map(Decimal, ("0.99", "1", "2.5", "25", "0")))
CATEGORIES = ("Garden", "Home decor", "Home decor; Garden", " Garden ;Home decor;Garden", None)
# A year apart, so that the first of them leave the window of the last; the last day of the data may end a month.
MONTHS = ((2010, 1), (2010, 2), (2010, 4), (2011, 1), (2011, 2))
DAYS = (1, 2, 14, 27, 28)
HOURS = (9, 9, 17)
MOST_FILES = 6
FIRST_NUMBER = 536365


@dataclass(frozen=True)
class Story:
    """What is delivered, and how it arrives.

    Attributes:
        files: in the order in which they were meant to come.
        arrival: places in `files`, in the order in which they come; files that disagree keep theirs.
        builds: how many files have come by each build; all by the last.
        mistake: a file that comes with the first build's and is taken back after it, if it is not empty.
        vaulted: the numbers of the builds that keep the Data Vault as well. The last one always does.
    """

    files: tuple[File, ...]
    arrival: tuple[int, ...]
    builds: tuple[int, ...]
    mistake: File = ()
    vaulted: frozenset[int] = frozenset()

    @property
    def batches(self) -> list[tuple[File, ...]]:
        """The files that come before each build."""
        arrived = [self.files[place] for place in self.arrival]
        return [tuple(arrived[start:end]) for start, end in pairwise((0, *self.builds))]


def content(file: File) -> dict[Any, Any]:
    """Return what a file says of each thing that another file may speak of as well, whatever the order of its rows."""
    said: dict[Any, Any] = {}
    for row in file:
        if isinstance(row, Entry):
            said[row.stock_code, row.effective_on] = row
        else:
            said.setdefault(row.invoice, Counter())[row] += 1
    return said


def disagree(one: File, other: File) -> bool:
    """Return whether the order of two files is information."""
    said, said_too = content(one), content(other)
    return any(said[thing] != said_too[thing] for thing in said.keys() & said_too.keys())


def write(file: File, path: Path) -> None:
    """Write a file as the shop's system and the buying department do."""
    is_list = bool(file) and isinstance(file[0], Entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(LIST_HEADER if is_list else SALES_HEADER)
        writer.writerows(astuple(row) for row in file)


# How they are made up


def moments() -> st.SearchStrategy[datetime]:
    return st.builds(
        lambda month, day, hour: datetime(month[0], month[1], day, hour),
        st.sampled_from(MONTHS),
        st.sampled_from(DAYS),
        st.sampled_from(HOURS),
    )


# A line is entered with its invoice, or some time after, perhaps in the next month.
delays = st.sampled_from([timedelta(0)] * 5 + [timedelta(seconds=1), timedelta(days=1), *[timedelta(days=5)] * 2])


@st.composite
def invoices(draw: st.DrawFn, number: str, customer: int | None) -> tuple[Line, ...]:
    """The lines of one delivery of an invoice."""
    moment, country = draw(moments()), draw(st.sampled_from(COUNTRIES))
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        code = "B" if number.startswith("A") else draw(st.sampled_from((*PRODUCTS, *PRODUCTS, "POST", "GIFT_0001_10")))
        quantity = draw(st.sampled_from([1, 1, 2, 12, -1]))
        line = Line(
            number,
            code,
            draw(st.sampled_from(DESCRIPTIONS)),
            -abs(quantity) if number.startswith("C") else quantity,
            moment + draw(delays),
            draw(st.sampled_from(PRICES)),
            customer,
            draw(st.sampled_from((country, country, country, *COUNTRIES))),
        )
        lines.append(line)
    return tuple(lines)


@st.composite
def corrected(draw: st.DrawFn, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Another delivery of an invoice: the same in another order, or with something changed."""
    match draw(st.sampled_from(["order", "order", "lines", "fewer", "country", "moment", "customer"])):
        case "lines":
            return draw(invoices(lines[0].invoice, lines[0].customer_id))
        case "fewer":
            return lines[: len(lines) // 2] or lines
        case "country":
            country = draw(st.sampled_from(COUNTRIES))
            return tuple(replace(line, country=country) for line in lines)
        case "moment":
            moment = draw(moments())
            return tuple(replace(line, invoiced_at=moment) for line in lines)
        case "customer":
            customer = draw(st.sampled_from(CUSTOMERS))
            return tuple(replace(line, customer_id=customer) for line in lines)
        case _:
            return lines[::-1]


@st.composite
def deliveries(draw: st.DrawFn, customer: int | None) -> list[tuple[int, tuple[Line, ...]]]:
    """One invoice, delivered once or several times, and in which files. Of its number, only the letter is there."""
    letter = draw(st.sampled_from(["", "", "", "C", "A"]))
    # most of them once: every correction ties the order of two files
    times = draw(st.sampled_from([1] * 6 + [2, 2, 3]))
    places = sorted(draw(st.sets(st.integers(0, MOST_FILES - 1), min_size=times, max_size=times)))
    said = [draw(invoices(letter, customer))]
    for _ in places[1:]:
        said.append(draw(corrected(said[-1])))
    return list(zip(places, said, strict=True))


entries = st.builds(
    Entry,
    st.sampled_from(PRODUCTS),
    st.sampled_from(CATEGORIES),
    st.sampled_from([Decimal("0.5"), Decimal("0.75")]),
    st.sampled_from([None, Decimal("1.5")]),
    st.sampled_from([date(2009, 12, 1), date(2010, 1, 1), date(2010, 1, 15), date(2010, 2, 1), date(2011, 2, 14)]),
)
price_lists = st.lists(
    st.lists(entries, min_size=1, max_size=8, unique_by=lambda entry: (entry.stock_code, entry.effective_on)),
    max_size=3,
)


@st.composite
def delivered_files(draw: st.DrawFn) -> tuple[File, ...]:
    """All files, in the order in which they were meant to come; none has the content of another."""
    sales: list[list[Line]] = [[] for _ in range(MOST_FILES)]
    delivered = [draw(st.lists(deliveries(who), min_size=who == CUSTOMERS[0], max_size=10)) for who in CUSTOMERS]
    for number, invoice in enumerate(chain.from_iterable(delivered), FIRST_NUMBER):
        for place, lines in invoice:
            sales[place] += (replace(line, invoice=f"{line.invoice}{number}") for line in lines)
    files: list[File] = [*(tuple(lines) for lines in sales if lines), *map(tuple, draw(price_lists))]
    return tuple(dict.fromkeys(files))


@st.composite
def arrivals(draw: st.DrawFn, files: Sequence[File]) -> tuple[int, ...]:
    """An order of arrival in which files that disagree keep their order."""
    waiting = draw(st.permutations(range(len(files))))
    arrived: list[int] = []
    while waiting:
        ready = (
            place
            for place in waiting
            if not any(other < place and disagree(files[other], files[place]) for other in waiting)
        )
        arrived.append(next(ready))
        waiting = [place for place in waiting if place != arrived[-1]]
    return tuple(arrived)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A history, and how the warehouse hears of it."""
    files = draw(delivered_files())
    builds = draw(st.sets(st.integers(1, len(files)), max_size=2)) | {len(files)}
    mistakes = st.one_of(st.just(()), invoices(f"{FIRST_NUMBER}", CUSTOMERS[0]), invoices("599999", CUSTOMERS[1]))
    vaulted = draw(st.frozensets(st.integers(0, len(builds) - 1)))
    return Story(files, draw(arrivals(files)), tuple(sorted(builds)), draw(mistakes), vaulted)
