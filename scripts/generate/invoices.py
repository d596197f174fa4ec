"""What happens in a shift: invoices of several kinds, and their lines."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from statistics import NormalDist

import numpy as np

from scripts.generate.catalogue import UNITS, Catalogue, LineType
from scripts.generate.chance import Ints, Mask, Stream, chosen, generator, pick, pick_weighted
from scripts.generate.customers import CARRIAGE_COUNTRIES, HOME, Customers, anonymous_country
from scripts.generate.plan import Day, Plan, Shift

NOBODY = -1
FIRST_INVOICE = 489_434
GAP_CHANCE = 0.05  # invoice numbers that were never used
LONGEST_INVOICE = 1_200
LATER_CHANCE = 0.0016  # invoices whose last lines are keyed in a minute later


class Prefix(IntEnum):
    """What an invoice number begins with; the names are the text."""

    NONE = 0
    C = 1
    A = 2


class Kind(IntEnum):
    """Why an invoice is written."""

    ORDER = 0
    WEB_ORDER = 1
    RETURN = 2
    WEB_RETURN = 3
    WRITE_OFF = 4
    CREDIT = 5
    BANK = 6
    COMMISSION = 7
    CHARITY = 8
    CORRECTION = 9
    REVERSAL = 10
    TEST = 11
    BAD_DEBT = 12
    VOUCHER = 13


# Weight among 1,000 invoices; prefix; whether a customer is named; median and sigma of a log-normal number
# of lines. Measured on the real invoices, save that the rarest kinds are raised so that small runs have them.
KINDS: dict[Kind, tuple[float, Prefix, bool, float, float]] = {
    Kind.ORDER: (705.0, Prefix.NONE, True, 15.0, 0.9),
    Kind.WEB_ORDER: (60.0, Prefix.NONE, False, 36.0, 1.3),
    Kind.RETURN: (130.0, Prefix.C, True, 1.8, 0.9),
    Kind.WEB_RETURN: (3.0, Prefix.C, False, 1.0, 0.3),
    Kind.WRITE_OFF: (85.0, Prefix.NONE, False, 1.0, 0.0),
    Kind.CREDIT: (14.0, Prefix.C, True, 1.0, 0.0),
    Kind.BANK: (1.5, Prefix.NONE, True, 1.0, 0.0),
    Kind.COMMISSION: (1.5, Prefix.C, False, 1.0, 0.0),
    Kind.CHARITY: (0.6, Prefix.C, True, 1.0, 0.0),
    Kind.CORRECTION: (1.5, Prefix.NONE, True, 1.0, 0.0),
    Kind.REVERSAL: (1.0, Prefix.C, True, 1.0, 0.0),
    Kind.TEST: (0.8, Prefix.NONE, True, 1.0, 0.6),
    Kind.BAD_DEBT: (1.0, Prefix.A, False, 1.0, 0.0),
    Kind.VOUCHER: (1.5, Prefix.NONE, False, 1.0, 0.0),
}
WEIGHTS = [row[0] for row in KINDS.values()]
PREFIXES = np.array([row[1] for row in KINDS.values()])
NAMED = np.array([row[2] for row in KINDS.values()])
LOG_MEDIANS = np.log([row[3] for row in KINDS.values()])
SIGMAS = np.array([row[4] for row in KINDS.values()])
QUANTILES = np.array([NormalDist().inv_cdf((n + 0.5) / 200) for n in range(200)])

# Part of a day's trade that is done by each full hour; Sundays open later and close earlier.
HOURS = np.arange(7, 21)
TRADE_BY_HOUR = np.cumsum([0.0, 0.001, 0.02, 0.07, 0.11, 0.13, 0.17, 0.15, 0.13, 0.12, 0.06, 0.02, 0.01, 0.009])
SUNDAY_HOURS = np.arange(10, 17)
SUNDAY_TRADE_BY_HOUR = np.cumsum([0.0, 0.12, 0.2, 0.22, 0.2, 0.16, 0.1])
SUNDAY = 6

# Quantities come in packs; cheap things in larger ones. The web buys single pieces.
PACKS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 25, 36, 48, 72, 96, 100, 144, 200])
CHEAP_PACKS = np.cumsum([8, 6, 3, 4, 3, 4, 4, 10, 20, 3, 5, 14, 6, 3, 5, 2, 2, 2, 1.5, 0.8])
USUAL_PACKS = np.cumsum([16, 14, 7, 10, 3, 15, 4, 6, 16, 1.5, 1, 4, 0.5, 0.6, 0.8, 0.3, 0.3, 0.2, 0.1, 0.1])
DEAR_PACKS = np.cumsum([34, 22, 9, 13, 2, 9, 5, 2, 2, 0.6, 0.2, 0.4, 0, 0, 0.1, 0, 0.1, 0, 0, 0])
WEB_PACKS = np.cumsum([68, 15, 5, 4, 2, 2, 0.5, 1, 1, 0.2, 0.2, 0.3, 0, 0, 0.1, 0, 0, 0.1, 0, 0])
CHEAP, DEAR = UNITS, 5 * UNITS
BULK_CHANCE, BULK_LARGEST = 0.003, 40  # a few wholesale orders of many packs
BULK_FROM, BULK_PRICE = 48, (86, 100)  # from so many pieces on 14 % off
WEB_PRICE = (197, 100)  # the web pays a retail price, tax included

REPEAT_CHANCE = 0.006  # a line scanned twice: both are real
MISSPELT_CHANCE, SALES_FOR_A_MISSPELLING = 0.3, 3
FREE_CHANCE = 1 / 4_000  # a free sample in a customer's order
SHORT_CHANCE = 1 / 1_500  # stock set right within a web order: no price, no customer
WRONG_SIGN_CHANCE = 1 / 20_000  # goods taken back on an ordinary invoice
WEB_VOUCHER_CHANCE = 1 / 2_000
POSTAGE_CHANCE, CARRIAGE_CHANCE, DOT_CHANCE, MANUAL_CHANCE = 0.6, 0.35, 0.45, 0.012

REMEMBERED_CHANCE = 0.3  # orders that may come back
REMEMBERED, REMEMBERED_LINES = 20_000, 8
MATCHED_CHANCE = 0.92  # returns that belong to an order we know


@dataclass
class Batch:
    """The invoices of a shift, and their lines in the order of delivery.

    Attributes:
        number: number of each invoice.
        prefix: its prefix.
        kind: why it was written.
        customer: place of its customer, or NOBODY.
        country: place of its country.
        invoice: the invoice of each line, as a place in the arrays above.
        position: the place of the line in its invoice.
        code: what is sold, a place in the catalogue.
        text: its description, a place in the catalogue's texts.
        quantity: pieces.
        price: price of a piece in units.
        minute: minute of the day.
        line_type: what the line is meant to be.
    """

    number: Ints
    prefix: Ints
    kind: Ints
    customer: Ints
    country: Ints
    invoice: Ints
    position: Ints
    code: Ints
    text: Ints
    quantity: Ints
    price: Ints
    minute: Ints
    line_type: Ints


@dataclass(frozen=True)
class Orders:
    """Orders that may come back: a row an order, its first lines in columns."""

    customer: Ints
    lines: Ints
    code: Ints
    quantity: Ints
    price: Ints

    @classmethod
    def none(cls) -> "Orders":
        """Return no orders."""
        row, table = np.empty(0, dtype=np.int64), np.empty((0, REMEMBERED_LINES), dtype=np.int64)
        return cls(row, row, table, table, table)

    @classmethod
    def of(cls, rng: np.random.Generator, batch: Batch) -> "Orders":
        """Draw some of the orders of a shift."""
        wanted = (batch.kind == Kind.ORDER) & chosen(rng, REMEMBERED_CHANCE, len(batch.kind))
        orders = np.flatnonzero(wanted)
        row_of = np.cumsum(wanted) - 1
        line = np.flatnonzero(wanted[batch.invoice] & (batch.position < REMEMBERED_LINES))
        row, column = row_of[batch.invoice[line]], batch.position[line]

        def table(values: Ints) -> Ints:
            filled = np.zeros((len(orders), REMEMBERED_LINES), dtype=np.int64)
            filled[row, column] = values[line]
            return filled

        lines = np.bincount(row, minlength=len(orders))
        return cls(batch.customer[orders], lines, table(batch.code), table(batch.quantity), table(batch.price))

    def select(self, rows: Ints | Mask) -> "Orders":
        """Return some of the orders."""
        return Orders(self.customer[rows], self.lines[rows], self.code[rows], self.quantity[rows], self.price[rows])

    def split(self, rng: np.random.Generator, size: int) -> tuple["Orders", "Orders"]:
        """Draw so many orders, if there are so many, and return them and the rest."""
        drawn = rng.permutation(len(self.customer))[:size]
        rest = np.ones(len(self.customer), dtype=np.bool_)
        rest[drawn] = False
        return self.select(drawn), self.select(rest)

    def followed_by(self, later: "Orders") -> "Orders":
        """Return these orders and later ones, the oldest forgotten."""
        both = Orders(
            np.concatenate([self.customer, later.customer]),
            np.concatenate([self.lines, later.lines]),
            np.concatenate([self.code, later.code]),
            np.concatenate([self.quantity, later.quantity]),
            np.concatenate([self.price, later.price]),
        )
        size = len(both.customer)
        return both.select(np.arange(max(0, size - REMEMBERED), size))


class Shop:
    """The trade of a run, shift by shift, in order: invoice numbers and memory go on from one to the next."""

    def __init__(self, plan: Plan, catalogue: Catalogue, customers: Customers) -> None:
        self.seed = plan.settings.seed
        self.catalogue = catalogue
        self.customers = customers
        self.memory = Orders.none()
        self.next_number = FIRST_INVOICE

    def trade(self, day: Day, part: int) -> Batch:
        """Make a shift: as many good lines as it is to have, unusable ones not counted."""
        shift = day.shifts[part]
        rng = generator(self.seed, Stream.TRADE, day.index, part)
        batch = self._open(rng, day, shift)
        self._sell(rng, batch, day.month)
        self._take_back(rng, batch, day)
        kinds = batch.kind[batch.invoice]
        for kind, fill in FILLS.items():
            lines = np.flatnonzero(kinds == kind)
            if len(lines):
                fill(rng, batch, lines, self.catalogue)
        self._add_charges(rng, batch)
        self._add_oddities(rng, batch)
        _repeat_lines(rng, batch)
        self._misspell(rng, batch, day.month)
        self.memory = self.memory.followed_by(Orders.of(rng, batch))
        return batch

    def _open(self, rng: np.random.Generator, day: Day, shift: Shift) -> Batch:
        """Open the invoices: numbers, times, customers. Their lines are blank."""
        lines = shift.rows - shift.unusable
        # An invoice has at least one line, so as many draws as lines are enough.
        longest = max(8, min(LONGEST_INVOICE, lines // 4))
        kind = pick_weighted(rng, _weights(longest), lines)
        wished = rng.lognormal(LOG_MEDIANS[kind], SIGMAS[kind])
        size = np.clip(wished.astype(np.int64), 1, longest)
        last = int(np.searchsorted(np.cumsum(size), lines))
        kind, size = kind[: last + 1], size[: last + 1]
        size[last] -= int(size.sum()) - lines
        count = len(kind)

        number = self.next_number + np.cumsum(1 + chosen(rng, GAP_CHANCE, count)) - 1
        self.next_number = int(number[-1]) + 1
        customer = np.where(NAMED[kind], self.customers.buyers(rng, count), NOBODY)
        country = np.where(
            kind == Kind.WRITE_OFF,
            HOME,
            np.where(customer == NOBODY, anonymous_country(rng, count), self.customers.country_of(customer, day.index)),
        )
        invoice = np.repeat(np.arange(count), size)
        position = np.arange(lines) - np.repeat(np.cumsum(size) - size, size)
        opened = _minutes(rng, count, day.date.weekday() == SUNDAY, shift)
        later = chosen(rng, LATER_CHANCE, count)
        minute = opened[invoice] + (later[invoice] & (position >= np.maximum(1, size // 2)[invoice]))
        blank = np.zeros(lines, dtype=np.int64)
        return Batch(
            number=number,
            prefix=PREFIXES[kind],
            kind=kind,
            customer=customer,
            country=country,
            invoice=invoice,
            position=position,
            code=blank,
            text=blank,
            quantity=blank,
            price=blank,
            minute=minute,
            line_type=blank,
        )

    def _sell(self, rng: np.random.Generator, batch: Batch, month: int) -> None:
        """Fill every line with goods sold; what is no sale is written over it."""
        size = len(batch.invoice)
        web = np.isin(batch.kind, (Kind.WEB_ORDER, Kind.WEB_RETURN))[batch.invoice]
        batch.code = self.catalogue.goods(rng, month, size)
        price = self.catalogue.price[batch.code, month]
        draw = rng.random(size)
        packs = [
            np.searchsorted(table, draw * table[-1], side="right")
            for table in (CHEAP_PACKS, USUAL_PACKS, DEAR_PACKS, WEB_PACKS)
        ]
        place = np.select([web, price < CHEAP, price < DEAR], [packs[3], packs[0], packs[1]], packs[2])
        many = np.where(chosen(rng, BULK_CHANCE, size) & ~web, rng.integers(2, BULK_LARGEST, size), 1)
        batch.quantity = PACKS[place] * many
        penny = UNITS // 100
        retail = np.maximum(price * WEB_PRICE[0] // WEB_PRICE[1] // penny, 1) * penny
        bulk = np.maximum(price * BULK_PRICE[0] // BULK_PRICE[1] // penny, 1) * penny
        batch.price = np.where(web, retail, np.where((batch.quantity >= BULK_FROM) & (price >= penny), bulk, price))
        batch.text = self.catalogue.text_of(batch.code, month)
        batch.line_type = np.full(size, LineType.SALE, dtype=np.int64)

    def _take_back(self, rng: np.random.Generator, batch: Batch, day: Day) -> None:
        """Turn the goods on cancellations into returns, most of them of an order that we remember."""
        back = np.isin(batch.kind, (Kind.RETURN, Kind.WEB_RETURN))[batch.invoice]
        batch.quantity = np.where(back, -np.maximum(batch.quantity // 3, 1), batch.quantity)
        batch.line_type[back] = LineType.RETURN

        returns = np.flatnonzero(batch.kind == Kind.RETURN)
        known = returns[chosen(rng, MATCHED_CHANCE, len(returns))]
        orders, self.memory = self.memory.split(rng, len(known))  # an order comes back once
        known = known[: len(orders.customer)]
        batch.customer[known] = orders.customer
        batch.country[known] = self.customers.country_of(orders.customer, day.index)
        row_of = np.full(len(batch.kind), NOBODY)
        row_of[known] = np.arange(len(known))
        line = np.flatnonzero(row_of[batch.invoice] != NOBODY)
        row = row_of[batch.invoice[line]]
        column = batch.position[line] % orders.lines[row]
        code, sold = orders.code[row, column], np.abs(orders.quantity[row, column])
        batch.code[line] = code
        batch.quantity[line] = -np.where(chosen(rng, 0.5, len(line)), sold, rng.integers(1, sold + 1))
        batch.price[line] = orders.price[row, column]
        batch.text[line] = self.catalogue.text_of(code, day.month)
        # Postage on a cancellation is still postage.
        kind = self.catalogue.special_type[code]
        batch.line_type[line] = np.where(kind == LineType.SALE, LineType.RETURN, kind)

    def _add_charges(self, rng: np.random.Generator, batch: Batch) -> None:
        """End some orders with postage, carriage or an item keyed in by hand."""
        kind, country = batch.kind, batch.country
        last = np.flatnonzero(np.diff(batch.invoice, append=-1))
        order, web = kind == Kind.ORDER, kind == Kind.WEB_ORDER
        long = batch.position[last] > 0
        carriage = np.isin(country, CARRIAGE_COUNTRIES)
        draw = rng.random(len(kind))
        manual = order & (draw > 1 - MANUAL_CHANCE)
        charges = (
            ("M", manual, (2 * UNITS, 1.2)),
            ("POST", order & long & (country != HOME) & ~carriage & (draw < POSTAGE_CHANCE), (18 * UNITS, 0.3)),
            ("C2", order & long & carriage & (draw < CARRIAGE_CHANCE), (50 * UNITS, 0.0)),
            ("C3", order & long & carriage & (draw > CARRIAGE_CHANCE) & (draw < CARRIAGE_CHANCE + 0.03), (90_000, 0.4)),
            ("DOT", web & long & (draw < DOT_CHANCE), (120 * UNITS, 0.9)),
        )
        for code, wanted, price in charges:
            _put(rng, batch, last[wanted], self.catalogue, code, price=price)
        # Some things are keyed in by hand and cost nothing.
        batch.price[last[manual & chosen(rng, 0.1, len(kind))]] = 0

    def _add_oddities(self, rng: np.random.Generator, batch: Batch) -> None:
        """Sprinkle free samples, stock corrections, vouchers and goods taken back over the orders."""
        size = len(batch.invoice)
        draw = rng.random(size)
        sale = batch.line_type == LineType.SALE
        order = sale & (batch.kind == Kind.ORDER)[batch.invoice]
        web = sale & (batch.kind == Kind.WEB_ORDER)[batch.invoice]
        free, short = order & (draw < FREE_CHANCE), web & (draw < SHORT_CHANCE)
        batch.price[free | short] = 0
        batch.line_type[free] = LineType.SAMPLE
        batch.line_type[short] = LineType.STOCK_ADJUSTMENT
        wrong = sale & (draw > 1 - WRONG_SIGN_CHANCE) & (batch.price > 0)
        batch.quantity[wrong] *= -1
        batch.line_type[wrong] = LineType.RETURN
        voucher = web & chosen(rng, WEB_VOUCHER_CHANCE, size)
        _fill_vouchers(rng, batch, np.flatnonzero(voucher), self.catalogue)

    def _misspell(self, rng: np.random.Generator, batch: Batch, month: int) -> None:
        """Give a few sale lines another description: of a product at most one line in three of a shift.

        So the usual description stays the usual one in every month, whatever is drawn.
        """
        sale = np.flatnonzero(batch.line_type == LineType.SALE)
        sold = np.bincount(batch.code[sale], minlength=len(self.catalogue.codes))
        enough = (sold >= SALES_FOR_A_MISSPELLING) & (self.catalogue.misspelt_text >= 0)
        candidates = sale[enough[batch.code[sale]]]
        _, first = np.unique(batch.code[candidates], return_index=True)
        line = candidates[first][chosen(rng, MISSPELT_CHANCE, len(first))]
        batch.text[line] = self.catalogue.misspelt_text[batch.code[line]]


def _mean_size(kind: Kind, longest: int) -> float:
    size = np.exp(LOG_MEDIANS[kind] + SIGMAS[kind] * QUANTILES)
    return float(np.clip(size, 1, longest).mean())


def _weights(longest: int) -> list[float]:
    """Return the weights of the kinds for a shift in which invoices are at most so long.

    On small days the web's long orders would not fit; there are more of them instead, so that
    their part of the lines, and with it that of lines without a customer, is the same on all days.
    """
    usual, here = (
        _mean_size(Kind.WEB_ORDER, limit) / _mean_size(Kind.ORDER, limit) for limit in (LONGEST_INVOICE, longest)
    )
    weights = WEIGHTS.copy()
    weights[Kind.WEB_ORDER] *= usual / here
    return weights


def _minutes(rng: np.random.Generator, count: int, sunday: bool, shift: Shift) -> Ints:
    """Draw the times of invoices, in order: the part of the day's trade that is done, read as a time."""
    done = np.sort(shift.opens + (shift.closes - shift.opens) * rng.random(count))
    hours, trade = (SUNDAY_HOURS, SUNDAY_TRADE_BY_HOUR) if sunday else (HOURS, TRADE_BY_HOUR)
    minutes: Ints = (np.interp(done, trade / trade[-1], hours) * 60).astype(np.int64)
    return minutes


def _amounts(rng: np.random.Generator, size: int, median: float, sigma: float) -> Ints:
    """Draw amounts in whole pence, log-normal, in units."""
    penny = UNITS // 100
    return np.maximum(np.rint(rng.lognormal(np.log(median), sigma, size) / penny).astype(np.int64), 1) * penny


def _put(
    rng: np.random.Generator,
    batch: Batch,
    lines: Ints,
    catalogue: Catalogue,
    code: str,
    *,
    price: tuple[float, float],
    quantity: int = 1,
) -> None:
    """Write a special code over lines."""
    if not len(lines):
        return
    place = catalogue.special[code]
    batch.code[lines] = place
    batch.text[lines] = catalogue.old_text[place]
    batch.line_type[lines] = catalogue.special_type[place]
    batch.quantity[lines] = quantity
    batch.price[lines] = _amounts(rng, len(lines), *price)


def _fill_write_offs(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Stock written off, or found: no price, and a note in place of the description."""
    places, cumulative = catalogue.notes
    size = len(lines)
    pieces = np.maximum(rng.lognormal(np.log(12), 1.4, size).astype(np.int64), 1)
    batch.quantity[lines] = np.where(chosen(rng, 0.35, size), pieces, -pieces)
    batch.price[lines] = 0
    batch.text[lines] = places[pick(rng, cumulative, size)]
    batch.line_type[lines] = LineType.STOCK_ADJUSTMENT


def _fill_credits(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Money given back without goods: manual, discount, postage, samples."""
    what = pick_weighted(rng, [60, 20, 15, 8], len(lines))
    for n, (code, price) in enumerate(
        (("M", (15 * UNITS, 1.5)), ("D", (30 * UNITS, 1.0)), ("POST", (18 * UNITS, 0.5)), ("S", (60 * UNITS, 0.8)))
    ):
        _put(rng, batch, lines[what == n], catalogue, code, price=price, quantity=-1)


def _fill_bank(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Bank charges passed on to a customer."""
    _put(rng, batch, lines, catalogue, "BANK CHARGES", price=(15 * UNITS, 0.0))


def _fill_commissions(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Fees that the shop pays: to the marketplace, to the bank."""
    amazon = chosen(rng, 0.5, len(lines))
    _put(rng, batch, lines[amazon], catalogue, "AMAZONFEE", price=(4_000 * UNITS, 0.6), quantity=-1)
    _put(rng, batch, lines[~amazon], catalogue, "BANK CHARGES", price=(60 * UNITS, 0.8), quantity=-1)


def _fill_charity(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """The share of sales that goes to a charity."""
    _put(rng, batch, lines, catalogue, "CRUK", price=(400 * UNITS, 0.6), quantity=-1)


def _fill_corrections(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Accounts set right by hand."""
    second = chosen(rng, 0.2, len(lines))
    _put(rng, batch, lines[~second], catalogue, "ADJUST", price=(35 * UNITS, 1.0))
    _put(rng, batch, lines[second], catalogue, "ADJUST2", price=(200 * UNITS, 0.8))


def _fill_reversals(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Accounts set right by hand, the other way."""
    _put(rng, batch, lines, catalogue, "ADJUST", price=(35 * UNITS, 1.0), quantity=-1)


def _fill_tests(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Somebody tried the till; now and then without a price."""
    second = chosen(rng, 0.3, len(lines))
    _put(rng, batch, lines[~second], catalogue, "TEST001", price=(45_000, 0.0), quantity=5)
    _put(rng, batch, lines[second], catalogue, "TEST002", price=(10_000, 0.0))
    batch.price[lines[chosen(rng, 0.2, len(lines))]] = 0


def _fill_bad_debts(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Debts given up, mostly as a negative price; one in four is put back."""
    _put(rng, batch, lines, catalogue, "B", price=(9_000 * UNITS, 0.9))
    batch.price[lines[~chosen(rng, 0.25, len(lines))]] *= -1


def _fill_vouchers(rng: np.random.Generator, batch: Batch, lines: Ints, catalogue: Catalogue) -> None:
    """Gift vouchers, sold a tax rate under what they say; some are stocked at no price."""
    names = [name for name in catalogue.special if name.upper().startswith("GIFT")]
    what = pick_weighted(rng, [1, 10, 9, 6, 4, 4, 2, 1, 1, 1][: len(names)], len(lines))
    for n, name in enumerate(names):
        pounds = int(name.rpartition("_")[2]) if "_" in name else 25
        face = pounds * 100 * 100 // 120 * (UNITS // 100)
        _put(rng, batch, lines[what == n], catalogue, name, price=(face, 0.0))
    batch.price[lines[chosen(rng, 0.15, len(lines))]] = 0


def _repeat_lines(rng: np.random.Generator, batch: Batch) -> None:
    """Scan some lines twice: a line becomes the one before it. Both are real."""
    again = chosen(rng, REPEAT_CHANCE, len(batch.invoice)) & (batch.position > 0)
    again[1:] &= ~again[:-1]
    source = np.arange(len(again)) - again
    for name in ("code", "text", "quantity", "price", "minute", "line_type"):
        setattr(batch, name, getattr(batch, name)[source])


Fill = Callable[[np.random.Generator, Batch, Ints, Catalogue], None]
FILLS: dict[Kind, Fill] = {
    Kind.WRITE_OFF: _fill_write_offs,
    Kind.CREDIT: _fill_credits,
    Kind.BANK: _fill_bank,
    Kind.COMMISSION: _fill_commissions,
    Kind.CHARITY: _fill_charity,
    Kind.CORRECTION: _fill_corrections,
    Kind.REVERSAL: _fill_reversals,
    Kind.TEST: _fill_tests,
    Kind.BAD_DEBT: _fill_bad_debts,
    Kind.VOUCHER: _fill_vouchers,
}
