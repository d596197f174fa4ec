"""What delivery does to the data: case and blanks, lines in another order, rows that cannot be used."""

from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np
import polars as pl

from scripts.generate.catalogue import UNITS, Catalogue
from scripts.generate.chance import Ints, Stream, chosen, generator, pick_weighted
from scripts.generate.customers import NAMES, Customers
from scripts.generate.invoices import Batch, Prefix
from scripts.generate.plan import Day

# How often a value is worn in a way: as it is, in lower case, with a trailing blank, with blanks around.
CODE_WEAR = [0.985, 0.012, 0.001, 0.002]
COUNTRY_WEAR = [0.994, 0.002, 0.002, 0.002]
TEXT_WEAR = [0.990, 0.0, 0.005, 0.005]
TRAILING_BLANK = 2
REORDERED_CHANCE = 0.7  # invoices of the overlap whose lines the halves list in another order

MINUTES = pl.Series([f"{minute // 60:02d}:{minute % 60:02d}:00" for minute in range(24 * 60)])

Row = dict[str, str | None]
Fault = tuple[str, Callable[[Row], Row]]  # why a row cannot be used, and how it gets that way


class Paper:
    """Turns shifts into the rows that are delivered."""

    def __init__(self, seed: int, catalogue: Catalogue, customers: Customers) -> None:
        self.seed = seed
        self.catalogue = catalogue
        self.codes = worn(pl.Series(catalogue.codes))
        self.countries = worn(pl.Series(NAMES))
        self.texts = worn(catalogue.texts)
        self.ids = pl.Series(customers.ids)
        self.prefixes = pl.Series([prefix.name if prefix else "" for prefix in Prefix])
        self.faults = cycle(FAULTS)

    def deliver(self, batch: Batch, day: Day, part: int) -> pl.DataFrame:
        """Write a shift's lines as rows: texts worn, numbers typed. A missing note is the text `nan`."""
        # Brackets, not `gather`, and a series of one text, not a text: polars runs a query for those.
        rng = generator(self.seed, Stream.DIRT, day.index, part)
        lines, invoices = len(batch.invoice), len(batch.number)
        number = self.prefixes[batch.prefix] + pl.Series(batch.number).cast(pl.String)
        wear = pick_weighted(rng, COUNTRY_WEAR, invoices)
        country = self.countries[batch.country + wear * len(NAMES)]
        customer = self.ids[np.maximum(batch.customer, 0)].set(pl.Series(batch.customer < 0), None)
        return pl.DataFrame(
            {
                "invoice": number[batch.invoice],
                "code": self.codes[batch.code + pick_weighted(rng, CODE_WEAR, lines) * len(self.catalogue.codes)],
                "text": self.texts[self._worn_text(rng, batch)],
                "quantity": batch.quantity,
                "date": pl.Series([f"{day.date} "]) + MINUTES[batch.minute],
                "price": batch.price / UNITS,
                "customer": customer[batch.invoice],
                "country": country[batch.invoice],
            }
        )

    def reorder(self, rows: pl.DataFrame, batch: Batch, day: Day, part: int) -> pl.DataFrame:
        """List the lines of most invoices in another order."""
        rng = generator(self.seed, Stream.DIRT, day.index, part, 1)
        shuffled = chosen(rng, REORDERED_CHANCE, len(batch.number))[batch.invoice]
        key = np.where(shuffled, rng.random(len(shuffled)), batch.position)
        reordered: pl.DataFrame = rows[np.lexsort((key, batch.invoice))]
        return reordered

    def spoil(self, rows: pl.DataFrame, day: Day, part: int) -> tuple[pl.DataFrame, list[str]]:
        """Add unusable rows, each a spoilt copy behind a good row, and say why each cannot be used."""
        count = day.shifts[part].unusable
        if count == 0:
            return rows, []
        rng = generator(self.seed, Stream.DIRT, day.index, part, 2)
        source = np.sort(rng.choice(len(rows), count, replace=False))
        return with_spoilt(rows, source, self.faults)

    def _worn_text(self, rng: np.random.Generator, batch: Batch) -> Ints:
        text = batch.text
        habit = self.catalogue.trailing_blank[batch.code] * TRAILING_BLANK
        drawn = pick_weighted(rng, TEXT_WEAR, len(text))
        wear = np.where(drawn > 0, drawn, habit)
        wear[(text == self.catalogue.nan_text) | (text == self.catalogue.missing_text)] = 0
        place: Ints = text + wear * len(self.catalogue.texts)
        return place


def with_spoilt(rows: pl.DataFrame, source: Ints, faults: Iterator[Fault]) -> tuple[pl.DataFrame, list[str]]:
    """Put spoilt copies of some rows behind them, and say why each cannot be used."""
    copies, reasons = [], []
    for row, (reason, spoil) in zip(rows[source].iter_rows(named=True), faults, strict=False):
        copies.append(row | spoil(row))
        reasons.append(reason)
    order = np.argsort(np.concatenate([np.arange(len(rows)), source]), kind="stable")
    return pl.concat([rows, pl.DataFrame(copies, schema=rows.schema)])[order], reasons


def worn(values: pl.Series) -> pl.Series:
    """Put the worn forms of values one after the other, in the order of the tables above."""
    trailing: pl.Series = values + " "
    return pl.concat([values, values.str.to_lowercase(), trailing, " " + trailing])


def set_to(column: str, value: str | None) -> Callable[[Row], Row]:
    """Replace a value, whatever it was."""
    return lambda row: {column: value}


def edit(column: str, change: Callable[[str], str]) -> Callable[[Row], Row]:
    """Change a value that is always there."""
    return lambda row: {column: change(row[column] or "")}


# The reasons are in the warehouse's words. The faults take turns.
FAULTS: list[Fault] = [
    ("quantity_not_an_integer", edit("quantity", lambda text: f"{text} pcs")),
    ("invoice_date_not_a_timestamp", edit("date", lambda text: f"{text[:4]}-02-30{text[10:]}")),
    ("unit_price_not_a_number", set_to("price", "n/a")),
    ("customer_id_not_an_integer", set_to("customer", "GUEST")),
    ("invoice_number_missing", set_to("invoice", None)),
    ("stock_code_missing", set_to("code", None)),
    ("invoice_date_out_of_range", set_to("date", "1970-01-01 00:00:00")),
    ("quantity_not_an_integer", edit("quantity", lambda text: f"{text}.5")),
    ("invoice_date_not_a_timestamp", edit("date", lambda text: f"{text[:4]}-13-01{text[10:]}")),
    ("unit_price_not_a_number", edit("price", lambda text: text.replace(".", ",") + "0")),
    ("customer_id_not_an_integer", set_to("customer", "l7850.0")),
    ("invoice_number_missing", set_to("invoice", "  ")),
    ("stock_code_missing", set_to("code", "  ")),
    ("invoice_date_out_of_range", edit("date", lambda text: f"2070-01-15{text[10:]}")),
    ("quantity_not_an_integer", set_to("quantity", "a dozen")),
    ("invoice_date_not_a_timestamp", edit("date", lambda text: f"{text[:10]} 25:10:00")),
]
REASONS = sorted({reason for reason, _ in FAULTS})
