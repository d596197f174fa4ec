"""History worked out a second time, to hold the warehouse against: plain events in the order of time, one by one.

Nothing here looks at the whole at once, as a query does. Lines and entries of the price list are told day after day,
the state of a customer or product changes as they say, and a version is noted down where the state differs from the day
before. Slow and simple on purpose: it has to be right at a glance.
"""

import csv
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from scripts.paths import PROJECT_ROOT

NOT_RATED = "Not rated"
WINDOW_MONTHS = 12
DAY = timedelta(days=1)
# Enough of them for made-up data; what the warehouse takes for a note is the business of a macro.
NOTES = frozenset({"damaged"})

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


def month_number(day: date) -> int:
    """Count months, so that a window of them is a range."""
    return day.year * 12 + day.month


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Return the items by their key, those of one key in the order given."""
    groups: dict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def _seed(name: str) -> list[dict[str, str]]:
    with (PROJECT_ROOT / "seeds" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


PRODUCT_CLASSES = {row["stock_code"]: row["product_class"] for row in _seed("product_classes")}
SEGMENTS = {(int(row["recency_score"]), int(row["frequency_score"])): row["segment"] for row in _seed("rfm_segments")}
BANDS = [
    (row["price_band"], Decimal(row["lower_price"]), Decimal(row["upper_price"] or "Infinity"))
    for row in _seed("price_bands")
]


# What is delivered


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice, cleaned: codes in capitals, no blanks around anything, None for what is missing."""

    invoice: str
    stock_code: str
    description: str | None
    quantity: int
    invoiced_at: datetime
    unit_price: Decimal
    customer_id: int | None
    country: str

    @property
    def invoiced_on(self) -> date:
        """The day of the line."""
        return self.invoiced_at.date()

    @property
    def is_cancellation(self) -> bool:
        """Whether the invoice takes another one back."""
        return self.invoice.startswith("C")

    @property
    def is_charged(self) -> bool:
        """Whether units were given out for money."""
        return self.quantity > 0 and self.unit_price > 0 and not self.is_cancellation

    @property
    def line_type(self) -> str:
        """What the line is, by the table in the documentation; the first row that fits decides."""
        if self.invoice.startswith("A"):
            return "bad_debt"
        product_class = PRODUCT_CLASSES.get("GIFT" if self.stock_code.startswith("GIFT_0001_") else self.stock_code)
        if product_class:
            return product_class
        if self.is_cancellation:
            return "return"
        if self.unit_price == 0:
            return "sample" if self.quantity > 0 and self.customer_id is not None else "stock_adjustment"
        return "return" if self.quantity < 0 else "sale"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a price list; `category` as delivered, with `;` between several."""

    stock_code: str
    category: str | None
    cost: Decimal
    list_price: Decimal | None
    effective_on: date

    @property
    def categories(self) -> str | None:
        """The categories, tidied: each once, in the order delivered."""
        names = [name.strip() for name in (self.category or "").split(";")]
        return "; ".join(dict.fromkeys(name for name in names if name)) or None


File = tuple[Line, ...] | tuple[Entry, ...]


def current_lines(files: Iterable[File]) -> list[Line]:
    """Return the lines that count: of each invoice, those of the file that came last and has it."""
    supplied: dict[str, list[Line]] = {}
    for file in files:
        supplied.update(grouped((row for row in file if isinstance(row, Line)), lambda line: line.invoice))
    return [line for lines in supplied.values() for line in lines]


def current_entries(files: Sequence[File]) -> list[Entry]:
    """Return the entries of the price list that count: of each product and day, the one that came last.

    What holds only after the last day of the data is news of the future.
    """
    last_day = max((line.invoiced_on for line in current_lines(files)), default=date.min)
    said = {(row.stock_code, row.effective_on): row for file in files for row in file if isinstance(row, Entry)}
    in_effect = [entry for entry in said.values() if entry.effective_on <= last_day]
    return sorted(in_effect, key=lambda entry: (entry.stock_code, entry.effective_on))


# Customers


class CustomerVersion(NamedTuple):
    """What held of a customer from a day on."""

    customer_id: int
    valid_from: date
    country_name: str
    segment: str


class Rating(NamedTuple):
    """How a customer stood at the end of a month among all who had bought by then."""

    customer_id: int
    month_end: date
    recency_days: int
    frequency: int
    monetary_amount: Decimal
    recency_score: int
    frequency_score: int
    monetary_score: int
    segment: str


@dataclass
class Customer:
    """What is known of a customer so far: when each order began, and what each month's merchandise came to."""

    country: str = ""
    segment: str = NOT_RATED
    last_purchase: date | None = None
    orders: dict[str, int] = field(default_factory=dict)
    amounts: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def trade(self, line: Line) -> None:
        """Take in the customer's next line."""
        self.country = line.country
        month = month_number(line.invoiced_on)
        if line.line_type == "sale":
            self.last_purchase = line.invoiced_on
            self.orders.setdefault(line.invoice, month)
        if line.line_type in ("sale", "return"):
            self.amounts[month] += line.quantity * line.unit_price

    def frequency(self, months: range) -> int:
        """How many orders began in some months."""
        return sum(month in months for month in self.orders.values())

    def monetary_amount(self, months: range) -> Decimal:
        """What the customer's merchandise of some months came to."""
        return sum((self.amounts[month] for month in months if month in self.amounts), Decimal())


def tell_customers(lines: Iterable[Line]) -> tuple[list[CustomerVersion], list[Rating]]:
    """Tell all lines day after day; return the versions and ratings of customers, in their order.

    At the first minute of a month, the month that has just ended is rated; the data must have reached its last day.
    """
    by_day = grouped(lines, lambda line: line.invoiced_on)
    customers: dict[int, Customer] = {}
    versions: dict[int, list[CustomerVersion]] = defaultdict(list)
    ratings: list[Rating] = []
    for today in days_and_the_next(by_day):
        if today.day == 1:
            ratings += rate(customers, today)
        for line in in_order_of_time(by_day.get(today, [])):
            if line.customer_id is not None:
                customers.setdefault(line.customer_id, Customer()).trade(line)
        for customer_id, customer in customers.items():
            known = versions[customer_id]
            if not known or known[-1][2:] != (customer.country, customer.segment):
                known.append(CustomerVersion(customer_id, today, customer.country, customer.segment))
    return sorted(version for known in versions.values() for version in known), sorted(ratings)


def days_and_the_next(days: Iterable[date]) -> Iterator[date]:
    """Return every day from the first to the last, and the one on which the last is over."""
    first, last = min(days, default=date.max), max(days, default=date.min)
    return (first + number * DAY for number in range((last - first).days + 2 if first <= last else 0))


def in_order_of_time(lines: Iterable[Line]) -> list[Line]:
    """Return lines as they happened: in one second by invoice number, in one invoice the first country last."""
    backwards = sorted(lines, key=lambda line: line.country, reverse=True)
    return sorted(backwards, key=lambda line: (line.invoiced_at, line.invoice))


def rate(customers: Mapping[int, Customer], today: date) -> Iterator[Rating]:
    """Rate all who have bought, as of the end of the day before, and tell them their segment."""
    this_month = month_number(today)
    window = range(this_month - WINDOW_MONTHS, this_month)
    buyers = {number: customer for number, customer in customers.items() if customer.last_purchase}
    recency = {number: (today - DAY - (customer.last_purchase or today)).days for number, customer in buyers.items()}
    frequency = {number: customer.frequency(window) for number, customer in buyers.items()}
    amount = {number: customer.monetary_amount(window) for number, customer in buyers.items()}
    recency_score = fifths({number: -days for number, days in recency.items()})
    frequency_score, amount_score = fifths(frequency), fifths(amount)
    for number, customer in buyers.items():
        scores = recency_score[number], frequency_score[number], amount_score[number]
        customer.segment = SEGMENTS[scores[:2]]
        yield Rating(
            number, today - DAY, recency[number], frequency[number], amount[number], *scores, segment=customer.segment
        )


def fifths(values: Mapping[int, Any]) -> dict[int, int]:
    """Return 1 to 5 for each: the fifth of the others that it leaves behind. Equal values get equal scores."""
    ascending = sorted(values.values())
    others = max(1, len(ascending) - 1)
    return {number: min(5, 1 + 5 * bisect_left(ascending, value) // others) for number, value in values.items()}


def by_country(versions: Iterable[CustomerVersion]) -> list[tuple[int, date, str]]:
    """Return the versions of customers for one who only wants to know where they live."""
    kept: list[tuple[int, date, str]] = []
    for version in sorted(versions):
        if not kept or (kept[-1][0], kept[-1][2]) != (version.customer_id, version.country_name):
            kept.append(version[:3])
    return kept


# Products


class ProductVersion(NamedTuple):
    """What held of a product from a day on; None is what nobody ever said."""

    stock_code: str
    valid_from: date
    description: str | None
    categories: str | None
    price_band: str | None


@dataclass
class Product:
    """What is known of a product so far."""

    description: str | None = None
    categories: str | None = None
    price_band: str | None = None


class News(NamedTuple):
    """From a day on, an attribute of a product has another value, or the same again."""

    day: date
    attribute: str
    value: str


def tell_products(lines: Iterable[Line], entries: Iterable[Entry]) -> list[ProductVersion]:
    """Tell each product's news day after day; return the versions of products, in their order."""
    listed = grouped(entries, lambda entry: entry.stock_code)
    versions: list[ProductVersion] = []
    for stock_code, its_lines in sorted(grouped(lines, lambda line: line.stock_code).items()):
        beginning = min(line.invoiced_on for line in its_lines).replace(day=1)
        news = [*news_of_sales(its_lines), *news_of_the_list(listed.get(stock_code, []), beginning)]
        versions += tell_product(stock_code, beginning, news)
    return versions


def tell_product(stock_code: str, beginning: date, news: Iterable[News]) -> list[ProductVersion]:
    """Tell one product's news. What is heard of an attribute for the first time has always been so."""
    product = Product()
    versions: list[ProductVersion] = []
    by_day = {beginning: [], **grouped(news, lambda item: item.day)}
    for today in sorted(by_day):
        for item in by_day[today]:
            if getattr(product, item.attribute) is None:
                versions = [ProductVersion(**version._asdict() | {item.attribute: item.value}) for version in versions]
            setattr(product, item.attribute, item.value)
        version = ProductVersion(stock_code, today, **asdict(product))
        if not versions or versions[-1][2:] != version[2:]:
            versions.append(version)
    return versions


def news_of_sales(lines: Sequence[Line]) -> Iterator[News]:
    """Return what a product's lines say of it, from the first of their month on."""
    is_named_on_charged_lines = any(
        line.is_charged and line.description and line.description not in NOTES for line in lines
    )
    for month, its_lines in grouped(lines, lambda line: line.invoiced_on.replace(day=1)).items():
        written = [(line.description, line.is_charged) for line in its_lines if line.description]
        lines_of = Counter(text for text, _ in written if text not in NOTES)
        charged_lines_of = Counter(text for text, is_charged in written if is_charged)
        texts = [text for text in lines_of if charged_lines_of[text] or not is_named_on_charged_lines]
        if texts:
            said_most = min(texts, key=lambda text: (-charged_lines_of[text], -lines_of[text], text))
            yield News(month, "description", said_most)
        prices = Counter(line.unit_price for line in its_lines if line.line_type == "sale")
        if prices:
            usual = min(prices, key=lambda price: (-prices[price], price))
            yield from (News(month, "price_band", band) for band, lower, upper in BANDS if lower <= usual < upper)


def news_of_the_list(entries: Iterable[Entry], beginning: date) -> Iterator[News]:
    """Return what the price list says of a product. What it said before the beginning holds from there."""
    for entry in sorted(entries, key=lambda entry: entry.effective_on):
        if entry.categories:
            yield News(max(entry.effective_on, beginning), "categories", entry.categories)


# All together


class History(NamedTuple):
    """All that the files say."""

    customers: list[CustomerVersion]
    ratings: list[Rating]
    products: list[ProductVersion]


def tell(files: Sequence[File]) -> History:
    """Work out history from files in the order of their delivery."""
    lines = current_lines(files)
    return History(*tell_customers(lines), tell_products(lines, current_entries(files)))
