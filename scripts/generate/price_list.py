"""The price list: what the buying department says of the products, a file a quarter."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scripts.generate.assortment import UNSAID, Categories, canonical, make_assortment
from scripts.generate.catalogue import UNITS, Catalogue
from scripts.generate.chance import Ints, Stream, chosen, generator, pick_weighted
from scripts.generate.dirt import CODE_WEAR, Fault, edit, set_to, with_spoilt, worn
from scripts.generate.plan import Settings, add_months
from scripts.generate.truth import money

FOLDER = "products"
MONTHS_A_FILE = 3
UNLISTED = 20  # one product in so many is never listed

# Cost is a share of the price, in thousandths, rounded down to pence, tenths or hundredths of a penny.
SHARES = (350, 750)
DRIFT_CHANCE, DRIFT = 0.04, (-60, 90)  # a product's cost changes every six years on average, mostly upwards
CORRECTION = 100
ROUNDINGS, ROUNDING_WEIGHTS = np.array([100, 10, 1]), (75, 15, 10)
FINE_BELOW = UNITS // 10  # what costs less than ten pence is always known to a hundredth of a penny

REPEATED_SHARE, FEWEST_REPEATED = 0.04, 3  # rows of a file that stand in the next one, too
MOST_CORRECTED = 2  # of them
ROWS_FOR_EVERY_FAULT = 200

# The reasons are in the warehouse's words. The faults take turns.
FAULTS: list[Fault] = [
    ("cost_not_a_number", set_to("Cost", "tbc")),
    ("effective_date_not_a_date", edit("EffectiveDate", lambda text: f"{text[:4]}-02-30")),
    ("stock_code_missing", set_to("StockCode", None)),
    ("list_price_not_a_number", set_to("ListPrice", "on request")),
    ("cost_not_a_number", edit("Cost", lambda text: text.replace(".", ","))),
    ("effective_date_not_a_date", edit("EffectiveDate", lambda text: f"{text[:4]}-13-01")),
    ("stock_code_missing", set_to("StockCode", "  ")),
    ("list_price_not_a_number", edit("ListPrice", lambda text: f"{text}?")),
    ("cost_not_a_number", edit("Cost", lambda text: f"EUR {text}")),
    ("effective_date_not_a_date", set_to("EffectiveDate", "immediately")),
]
REASONS = sorted({reason for reason, _ in FAULTS})

CODES_TOLD = 50  # in truth.json


class PriceList:
    """The list and what it last said of each product. A product is a place in these arrays, in the order of codes.

    The list price is the price of the catalogue in the month from which a row holds.

    Attributes:
        range: place of each product's categories in the assortment.
        form: how they are written.
        share: cost by price, in thousandths.
        cost: in units.
        price: in units.
        since: the month from which that holds, -1 for products that were not yet listed.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        rng = generator(settings.seed, Stream.PRICE_LIST)
        size = catalogue.products - catalogue.products // UNLISTED
        listed = rng.choice(catalogue.products, size, replace=False)
        places = np.array(sorted(listed.tolist(), key=catalogue.codes.__getitem__))
        self.settings = settings
        self.places = places
        self.codes = [catalogue.codes[place] for place in places.tolist()]
        self.worn_codes = worn(pl.Series(self.codes))
        self.enters = catalogue.enters[places]
        self.prices = catalogue.price[places]
        self.assortment = make_assortment(
            settings.seed,
            [catalogue.texts[place] for place in places.tolist()],
            np.flatnonzero(self.enters == 0),
            list(range(MONTHS_A_FILE, settings.months, MONTHS_A_FILE)),
            settings.months,
        )
        self.share = rng.integers(*SHARES, size, endpoint=True)
        self.rounding = ROUNDINGS[pick_weighted(rng, ROUNDING_WEIGHTS, size)]
        self.range, self.form, self.cost, self.price, self.wear = (np.zeros(size, dtype=np.int64) for _ in range(5))
        self.since = np.full(size, -1)
        self.told: list[list[tuple[int, Categories]]] = [[] for _ in range(size)]  # months, what held from then on

        self.most_rows = catalogue.products
        self.files: dict[str, int] = {}
        self.reasons = dict.fromkeys(REASONS, 0)
        self.faults: Iterator[Fault] = cycle(FAULTS)
        self.entries = self.superseded = 0

    def write(self, folder: Path) -> None:
        """Write the files: first all products in the range, then what is new or has changed, if anything."""
        (folder / FOLDER).mkdir()
        before: Ints = np.empty(0, dtype=np.int64)
        for month in range(0, self.settings.months, MONTHS_A_FILE):
            rng = generator(self.settings.seed, Stream.PRICE_LIST, month)
            said = self._news(rng, month)
            again = self._again(rng, np.setdiff1d(before, said))
            places = np.sort(np.concatenate([said, again]))
            if not len(places):
                continue
            self.entries += len(said)
            self.superseded += len(again)
            rows = self._spoil(rng, self._rows(places))
            name = f"{FOLDER}/{add_months(self.settings.start, month)}.csv"
            with (folder / name).open("wb") as file:
                rows.write_csv(file)
            self.files[name] = len(rows)
            before = said

    def as_dict(self, first_month: Ints) -> dict[str, Any]:
        """Return the truth as it is written to `truth.json`.

        Args:
            first_month: the month of the first line of each code of the catalogue; never reached if it has none.
        """
        return {
            "raw_rows": sum(self.files.values()),
            "files": len(self.files),
            "rows_by_file": self.files,
            "unusable": self.reasons,
            "superseded_rows": self.superseded,
            "entries": self.entries,
            "products": int((self.since >= 0).sum()),
            "current": [
                {
                    "stock_code": self.codes[place],
                    "category": canonical(categories[:1]) or None,
                    "categories": canonical(categories) or None,
                    "cost": money(int(self.cost[place])),
                    "list_price": money(int(self.price[place])),
                    "effective_date": self._date(int(self.since[place])),
                }
                for place in np.flatnonzero(self.since >= 0)[:CODES_TOLD].tolist()
                for categories in [self.told[place][-1][1] if self.told[place] else ()]
            ],
            "category_versions": self._category_versions(first_month[self.places].tolist()),
        }

    def _category_versions(self, first_month: list[int]) -> dict[str, Any]:
        """Tell the versions that products with a line have by their categories, and those of the first that change."""
        versions = {
            self.codes[place]: _versions(told, first_month[place])
            for place, told in enumerate(self.told)
            if told and first_month[place] < self.settings.months
        }
        changed = [code for code, of_code in versions.items() if len(of_code) > 1]
        return {
            "products": len(versions),
            "versions": sum(map(len, versions.values())),
            "in_several_categories": sum(
                any(len(categories) > 1 for categories in of_code.values()) for of_code in versions.values()
            ),
            "changed": len(changed),
            "of_changed": [
                {"stock_code": code, "valid_from": self._date(month), "categories": canonical(categories)}
                for code in changed[:CODES_TOLD]
                for month, categories in versions[code].items()
            ],
        }

    def _news(self, rng: np.random.Generator, month: int) -> Ints:
        """Enter into the state what a file says that was not said before, and return of which products."""
        size, known = len(self.codes), self.since >= 0
        coming = ~known & (self.enters < month + MONTHS_A_FILE)
        since = np.where(coming, np.maximum(self.enters, month), month)
        ranges = self.assortment.at(month)
        drift = np.where(chosen(rng, DRIFT_CHANCE, size), rng.integers(*DRIFT, size, endpoint=True), 0)
        self.share = np.clip(self.share + drift, *SHARES)
        price = self.prices[np.arange(size), since]
        cost = self._cost(price)
        moved = known & (ranges != self.range)
        said = np.flatnonzero(coming | moved | (known & ((cost != self.cost) | (price != self.price))))
        for state, new in ((self.range, ranges), (self.cost, cost), (self.price, price), (self.since, since)):
            state[said] = new[said]
        self.wear[said] = pick_weighted(rng, CODE_WEAR, len(said))
        self.form[said] = self.assortment.draw_forms(rng, ranges[said], must_say=moved[said])
        for place in said[self.form[said] != UNSAID].tolist():
            self.told[place].append((int(since[place]), self.assortment.ranges[ranges[place]]))
        return said

    def _again(self, rng: np.random.Generator, before: Ints) -> Ints:
        """Choose products of the file before whose rows are repeated, and correct the cost of one or two."""
        count = min(len(before), max(FEWEST_REPEATED, int(len(before) * REPEATED_SHARE)))
        again = rng.choice(before, count, replace=False)
        wrong = again[: rng.integers(1, MOST_CORRECTED, endpoint=True)]
        down = self.share[wrong] > sum(SHARES) // 2
        self.share[wrong] += np.where(down, -CORRECTION, CORRECTION)
        self.cost[wrong] = self._cost(self.price)[wrong]
        return again

    def _cost(self, price: Ints) -> Ints:
        rounding = np.where(price < FINE_BELOW, 1, self.rounding)
        cost: Ints = price * self.share // 1000 // rounding * rounding
        return cost

    def _rows(self, places: Ints) -> pl.DataFrame:
        """Write what is known of products as rows."""
        return pl.DataFrame(
            {
                "StockCode": self.worn_codes.gather(places + self.wear[places] * len(self.codes)),
                "Category": pl.Series(
                    map(self.assortment.cell, self.range[places].tolist(), self.form[places].tolist()), dtype=pl.String
                ),
                "Cost": [_plain(units) for units in self.cost[places].tolist()],
                "ListPrice": [_plain(units) for units in self.price[places].tolist()],
                "EffectiveDate": [self._date(month) for month in self.since[places].tolist()],
            }
        )

    def _spoil(self, rng: np.random.Generator, rows: pl.DataFrame) -> pl.DataFrame:
        """Add unusable rows, but no more rows than there are products."""
        share = self.settings.unusable_share
        good = self.entries + self.superseded
        wanted = round(good * share)
        if share and good >= ROWS_FOR_EVERY_FAULT:
            wanted = max(wanted, len(REASONS))
        count = max(0, min(wanted - sum(self.reasons.values()), self.most_rows - len(rows)))
        source = np.sort(rng.integers(0, len(rows), count))
        rows, reasons = with_spoilt(rows, source, self.faults)
        for reason in reasons:
            self.reasons[reason] += 1
        return rows

    def _date(self, month: int) -> str:
        return add_months(self.settings.start, month).isoformat()


def _versions(told: list[tuple[int, Categories]], first_month: int) -> dict[int, Categories]:
    """Return the categories of a product by the month from which they hold, of neighbours that are equal the first.

    The first version begins with the first line, whether the list spoke earlier (then its last word holds) or later.
    """
    said = {max(month, first_month): categories for month, categories in told}
    months = list(said)
    before = [None, *list(said.values())]
    return {
        first_month if month == months[0] else month: said[month]
        for month, last in zip(months, before, strict=False)
        if said[month] != last
    }


def _plain(units: int) -> str:
    """Write money as people do: two decimals, and more only where they say something."""
    text = money(units)
    return text[:-2] + text[-2:].rstrip("0")
