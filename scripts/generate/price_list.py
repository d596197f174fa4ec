"""The price list: what the buying department says of the products, a file a quarter."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from scripts.generate.catalogue import UNITS, Catalogue
from scripts.generate.chance import Ints, Stream, chosen, generator, pick_weighted
from scripts.generate.dirt import CODE_WEAR, Fault, edit, set_to, with_spoilt, worn
from scripts.generate.plan import Settings, add_months
from scripts.generate.truth import money

FOLDER = "products"
MONTHS_A_FILE = 3
UNLISTED = 20  # one product in so many is never listed

# What the things in descriptions are; the last ones are those of the odd products.
CATEGORIES: dict[str, str] = {
    "Bags": "LUNCH BAG|JUMBO BAG|PURSE|UMBRELLA|SHOULDER BAG",
    "Candles": "T-LIGHT HOLDER|CANDLE IN JAR",
    "Christmas": "BAUBLE|CHRISTMAS TREE STAR|ADVENT CALENDAR|STOCKING|PAPER CHAIN KIT|REINDEER|SNOWFLAKE",
    "Garden": "DOORMAT|WATERING CAN|BIRD HOUSE",
    "Home decor": 'PHOTO FRAME|WALL CLOCK|SIGN, SMALL|RECORD FRAME 7"|DRAWER KNOB|ASHTRAY',
    "Jewellery": "JEWELLERY BOX|NECKLACE, BOXED|KEY RING",
    "Kitchen": "CAKE STAND|MUG|COFFEE CUP & SAUCER|BREAD BIN|TRAY|BOWL",
    "Party and wrapping": "BUNTING|GIFT WRAP|SET/6 PAPER CUPS|PACK OF 12 TISSUES|RIBBON REEL|BAG",
    "Stationery": "NOTEBOOK|PENCILS TUBE|MAGNETS",
    "Storage": "STORAGE TIN|SEWING BOX|SET OF 3 TINS",
    "Textiles": "TEA TOWEL|CUSHION COVER|HOT WATER BOTTLE|APRON|MATCH ALL CUSHIONS",
    "Toys": "PLAYING CARDS|CHALKBOARD|CHALKBOARD/EASEL",
}
CATEGORY_NAMES = pl.Series(list(CATEGORIES))
CATEGORY_OF = {thing: place for place, things in enumerate(CATEGORIES.values()) for thing in things.split("|")}
PRODUCTS_FOR_A_MOVE = 100  # one product in so many moves to another category, and never none

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
    ("cost_not_a_number", edit("Cost", lambda text: f"GBP {text}")),
    ("effective_date_not_a_date", set_to("EffectiveDate", "immediately")),
]
REASONS = sorted({reason for reason, _ in FAULTS})

CODES_TOLD = 50  # in truth.json


class PriceList:
    """The list and what it last said of each product. A product is a place in these arrays, in the order of codes.

    The list price is the price of the catalogue in the month from which a row holds.

    Attributes:
        category: place of each product's category in `CATEGORY_NAMES`.
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
        self.codes = [catalogue.codes[place] for place in places.tolist()]
        self.worn_codes = worn(pl.Series(self.codes))
        self.enters = catalogue.enters[places]
        self.prices = catalogue.price[places]
        self.category = np.array([_category(catalogue.texts[place]) for place in places.tolist()])
        self.move_month, self.new_category = self._let_some_move(rng)
        self.share = rng.integers(*SHARES, size, endpoint=True)
        self.rounding = ROUNDINGS[pick_weighted(rng, ROUNDING_WEIGHTS, size)]
        self.cost, self.price, self.wear = (np.zeros(size, dtype=np.int64) for _ in range(3))
        self.since = np.full(size, -1)

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

    def as_dict(self) -> dict[str, Any]:
        """Return the truth as it is written to `truth.json`."""
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
                    "category": CATEGORY_NAMES[int(self.category[place])],
                    "cost": money(int(self.cost[place])),
                    "list_price": money(int(self.price[place])),
                    "effective_date": self._date(int(self.since[place])),
                }
                for place in np.flatnonzero(self.since >= 0)[:CODES_TOLD].tolist()
            ],
        }

    def _let_some_move(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Return when each product moves to another category, a month never reached for most, and that category."""
        moves, category = np.full(len(self.codes), self.settings.months), self.category.copy()
        later_files = range(MONTHS_A_FILE, self.settings.months, MONTHS_A_FILE)
        if later_files:
            old = np.flatnonzero(self.enters == 0)
            movers = rng.choice(old, max(1, len(old) // PRODUCTS_FOR_A_MOVE), replace=False)
            moves[movers] = rng.choice(later_files, len(movers))
            category[movers] = (category[movers] + rng.integers(1, len(CATEGORIES), len(movers))) % len(CATEGORIES)
        return moves, category

    def _news(self, rng: np.random.Generator, month: int) -> Ints:
        """Enter into the state what a file says that was not said before, and return of which products."""
        size, known = len(self.codes), self.since >= 0
        coming = ~known & (self.enters < month + MONTHS_A_FILE)
        since = np.where(coming, np.maximum(self.enters, month), month)
        category = np.where(self.move_month <= month, self.new_category, self.category)
        drift = np.where(chosen(rng, DRIFT_CHANCE, size), rng.integers(*DRIFT, size, endpoint=True), 0)
        self.share = np.clip(self.share + drift, *SHARES)
        price = self.prices[np.arange(size), since]
        cost = self._cost(price)
        other = (category != self.category) | (cost != self.cost) | (price != self.price)
        said = np.flatnonzero(coming | (known & other))
        for state, new in ((self.category, category), (self.cost, cost), (self.price, price), (self.since, since)):
            state[said] = new[said]
        self.wear[said] = pick_weighted(rng, CODE_WEAR, len(said))
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
                "Category": CATEGORY_NAMES.gather(self.category[places]),
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


def _category(description: str) -> int:
    """Products are called by two words, and what they are."""
    return CATEGORY_OF[description.split(" ", 2)[-1]]


def _plain(units: int) -> str:
    """Write money as people do: two decimals, and more only where they say something."""
    text = money(units)
    return text[:-2] + text[-2:].rstrip("0")
