"""Faults on purpose: days that are delivered wrong, and the truth of what is wrong when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from scripts.errors import Refusal
from scripts.generate.catalogue import UNITS, Catalogue, LineType
from scripts.generate.chance import Mask, Stream, generator
from scripts.generate.customers import NAMES
from scripts.generate.invoices import NOBODY, Batch
from scripts.generate.plan import Plan

DAYS_BEFORE = 100  # trading days that tell what is usual, before the first fault
DAYS_APART = 17  # from the first day of a fault to that of the next, so that each is found by itself
COUNTRY_LOST, COUNTRY_LOST_DAYS = "Germany", 12
PRICE_SHIFT, PRICE_SHIFT_DAYS = (130, 100), 3
SLIP = 100
RESENT_NUMBERS = 2_000_000  # above any number of a shift of its own
ALL_COUNTRIES = "all"


@dataclass(frozen=True)
class Fault:
    """What is wrong with some days.

    Attributes:
        kind: a key of KINDS.
        country: which country is concerned, or ALL_COUNTRIES.
        days: places in the plan, in order.
    """

    kind: str
    country: str
    days: range


@dataclass(frozen=True)
class Faults:
    """The faults of a run, by the days of its plan."""

    plan: Plan
    catalogue: Catalogue
    faults: tuple[Fault, ...]

    @classmethod
    def draw(cls, plan: Plan, catalogue: Catalogue) -> "Faults":
        """Choose the days: the kinds take turns, in an order of chance.

        Raises:
            Refusal: the time span is too short for so many.
        """
        wanted = plan.settings.faults
        # only days that a file of their own delivers, and that one alone
        places = [place for place, day in enumerate(plan.days) if day.in_csv and not day.in_parquet]
        first = max(DAYS_BEFORE, places[0]) if places else DAYS_BEFORE
        most = max(0, len(plan.days) - first) // DAYS_APART
        if wanted > most:
            raise Refusal(f"--faults is {wanted}: there is room for {most}; add to --months or --rows.")
        rng = generator(plan.settings.seed, Stream.FAULTS)
        apart = (len(plan.days) - first) // max(1, wanted)
        rounds = -(-wanted // len(KINDS))
        kinds = [str(kind) for _ in range(rounds) for kind in rng.permutation(list(KINDS))]
        faults = []
        for turn, kind in enumerate(kinds[:wanted]):
            last = KINDS[kind].days
            begins = first + turn * apart + int(rng.integers(0, apart - max(DAYS_APART - 1, last) + 1))
            country = COUNTRY_LOST if kind == "country_lost" else ALL_COUNTRIES
            faults.append(Fault(kind, country, range(begins, min(begins + last, len(plan.days)))))
        return cls(plan, catalogue, tuple(faults))

    def deliver(self, batch: Batch, place: int) -> Iterator[tuple[Batch, bool]]:
        """Give what is delivered in place of a shift, and whether that comes in a file of its own."""
        for fault in self.faults:
            if place in fault.days:
                yield from KINDS[fault.kind].make(batch, self.catalogue)
                return
        yield batch, False

    def as_list(self) -> list[dict[str, Any]]:
        """Return the truth as it is written to `truth.json`."""
        return [
            {
                "kind": fault.kind,
                "country": fault.country,
                "first_day": self._date(fault.days[0]).isoformat(),
                "last_day": self._date(fault.days[-1]).isoformat(),
            }
            for fault in self.faults
        ]

    def _date(self, place: int) -> date:
        return self.plan.days[place].date


def without(batch: Batch, gone: Mask) -> Batch:
    """Return a shift without some of its invoices."""
    kept = ~gone
    place = np.cumsum(kept) - 1
    lines = kept[batch.invoice]
    invoices = {name: getattr(batch, name)[kept] for name in ("number", "prefix", "kind", "customer", "country")}
    names = ("position", "code", "text", "quantity", "price", "minute", "line_type")
    details = {name: getattr(batch, name)[lines] for name in names}
    return Batch(invoice=place[batch.invoice[lines]], **invoices, **details)


def _nothing(batch: Batch, catalogue: Catalogue) -> Iterator[tuple[Batch, bool]]:
    """No file comes."""
    yield from ()


def _twice(batch: Batch, catalogue: Catalogue) -> Iterator[tuple[Batch, bool]]:
    """The day comes again in another file, under new invoice numbers."""
    yield batch, False
    yield replace(batch, number=batch.number + RESENT_NUMBERS), True


def _hundredfold(batch: Batch, catalogue: Catalogue) -> Iterator[tuple[Batch, bool]]:
    """Pence are taken for pounds."""
    yield replace(batch, price=batch.price * SLIP), False


def _dearer(batch: Batch, catalogue: Catalogue) -> Iterator[tuple[Batch, bool]]:
    """All prices are higher: of another list, or with a tax on top."""
    penny = UNITS // 100
    dearer = batch.price * PRICE_SHIFT[0] // PRICE_SHIFT[1]
    yield replace(batch, price=np.where(batch.price >= penny, dearer // penny * penny, batch.price)), False


def _without_country(batch: Batch, catalogue: Catalogue) -> Iterator[tuple[Batch, bool]]:
    """The invoices of a country are missing."""
    yield without(batch, batch.country == NAMES.index(COUNTRY_LOST)), False


def _without_customers(batch: Batch, catalogue: Catalogue) -> Iterator[tuple[Batch, bool]]:
    """No line names its customer; what was a gift to one is then a correction of stock."""
    given = (batch.line_type == LineType.SAMPLE) & (catalogue.special_type[batch.code] == LineType.SALE)
    nobody = np.full_like(batch.customer, NOBODY)
    yield replace(batch, customer=nobody, line_type=np.where(given, LineType.STOCK_ADJUSTMENT, batch.line_type)), False


@dataclass(frozen=True)
class Kind:
    """A kind of fault: what is delivered in place of a shift, and for how many trading days."""

    make: Callable[[Batch, Catalogue], Iterator[tuple[Batch, bool]]]
    days: int = 1


KINDS = {
    "missing_day": Kind(_nothing),
    "doubled_file": Kind(_twice),
    "currency_slip": Kind(_hundredfold),
    "country_lost": Kind(_without_country, COUNTRY_LOST_DAYS),
    "customers_lost": Kind(_without_customers),
    "price_shift": Kind(_dearer, PRICE_SHIFT_DAYS),
}
