"""What a warehouse must find in the files, counted from what the generator meant."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scripts.generate.catalogue import UNITS, Catalogue, LineType, months_of
from scripts.generate.chance import Ints, Mask
from scripts.generate.customers import NAMES, Customers
from scripts.generate.dirt import REASONS
from scripts.generate.invoices import Batch, Prefix
from scripts.generate.plan import Day, Plan

ROWS_TO_REMEMBER = 1_000_000
MINUTES_A_DAY = 24 * 60
TYPE_NAMES = [kind.name.lower() for kind in LineType]


def money(units: int) -> str:
    """Write ten-thousandths as an exact decimal with four places."""
    whole, rest = divmod(abs(units), UNITS)
    return f"{'-' if units < 0 else ''}{whole}.{rest:04d}"


@dataclass
class Tally:
    """Sums over the lines that gold must hold; each line counts once, whatever delivers it.

    Sums are integers throughout: a float could not hold them to the fourth decimal.
    """

    plan: Plan
    catalogue: Catalogue
    customers: Customers
    invoices: int = 0
    cancellation_lines: int = 0
    cancellation_invoices: int = 0
    lines_without_customer: int = 0
    overlap_invoices: int = 0
    overlap_lines: int = 0
    files: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    versions: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        kinds, countries, months = len(LineType), len(NAMES), self.plan.settings.months
        self.type_lines, self.type_quantity, self.type_units = (np.zeros(kinds, dtype=np.int64) for _ in range(3))
        self.country_lines, self.country_units = (np.zeros(countries, dtype=np.int64) for _ in range(2))
        self.month_lines, self.month_units = (np.zeros(months, dtype=np.int64) for _ in range(2))
        self.first_month = np.full(len(self.catalogue.codes), months)  # of the first line of any type
        self.customer_seen = np.zeros(len(self.customers.ids), dtype=np.bool_)
        self.first_sale_month = np.full((2, self.catalogue.products), months)  # under the old and the new name
        self.known_country: dict[int, int] = {}
        self.cancelled_goods = CancelledGoods(self.customers, self.plan.settings.rows)

    def count(self, batch: Batch, day: Day) -> None:
        """Count a shift's good lines."""
        units = batch.quantity * batch.price
        np.add.at(self.type_lines, batch.line_type, 1)
        np.add.at(self.type_quantity, batch.line_type, batch.quantity)
        np.add.at(self.type_units, batch.line_type, units)
        country = batch.country[batch.invoice]
        np.add.at(self.country_lines, country, 1)
        np.add.at(self.country_units, country, units)
        self.month_lines[day.month] += len(units)
        self.month_units[day.month] += units.sum()

        self.invoices += len(batch.number)
        cancelled = batch.prefix == Prefix.C
        self.cancellation_invoices += int(cancelled.sum())
        self.cancellation_lines += int(cancelled[batch.invoice].sum())
        self.lines_without_customer += int((batch.customer < 0)[batch.invoice].sum())
        if day.in_both:
            self.overlap_invoices += len(batch.number)
            self.overlap_lines += len(units)

        self.first_month[batch.code] = np.minimum(self.first_month[batch.code], day.month)
        self.customer_seen[batch.customer[batch.customer >= 0]] = True
        self._follow_names(batch, day.month)
        self._follow_moves(batch, day.date)
        self.cancelled_goods.count(batch, day)

    def reject(self, reasons: list[str]) -> None:
        """Count unusable rows."""
        for reason in reasons:
            self.reasons[reason] += 1

    def wrote(self, name: str, rows: int) -> None:
        """Count rows in a file."""
        self.files[name] = self.files.get(name, 0) + rows

    def _follow_names(self, batch: Batch, month: int) -> None:
        sold = np.unique(batch.code[batch.line_type == LineType.SALE])
        name = (self.catalogue.rename_month[sold] <= month).astype(np.int64)
        self.first_sale_month[name, sold] = np.minimum(self.first_sale_month[name, sold], month)

    def _follow_moves(self, batch: Batch, day: date) -> None:
        present = np.flatnonzero(np.isin(batch.customer, self.customers.movers))
        for invoice in present.tolist():
            customer, country = int(batch.customer[invoice]), int(batch.country[invoice])
            if self.known_country.get(customer) != country:
                self.known_country[customer] = country
                self.versions.append(
                    {
                        "customer_id": int(self.customers.ids[customer]),
                        "country": NAMES[country],
                        "valid_from": day.isoformat(),
                    }
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the truth as it is written to `truth.json`."""
        settings = self.plan.settings
        quarantined = sum(self.reasons.values())
        parquet = sum(rows for name, rows in self.files.items() if name.endswith(".parquet"))
        total = sum(self.files.values())
        return {
            "made_with": {
                "rows": settings.rows,
                "seed": settings.seed,
                "start": settings.start.isoformat(),
                "months": settings.months,
                "unusable_share": settings.unusable_share,
            },
            "raw": {
                "rows": total,
                "parquet_rows": parquet,
                "csv_rows": total - parquet,
                "files": len(self.files),
                "rows_by_file": self.files,
            },
            "overlap": {
                "invoices": self.overlap_invoices,
                "superseded_lines": self.overlap_lines,
            },
            "quarantined": {"lines": quarantined, "by_reason": self.reasons},
            "fct_sales": {
                "lines": int(self.type_lines.sum()),
                "invoices": self.invoices,
                "quantity": int(self.type_quantity.sum()),
                "net_amount": money(int(self.type_units.sum())),
                "cancellation_lines": self.cancellation_lines,
                "cancellation_invoices": self.cancellation_invoices,
                "lines_without_customer": self.lines_without_customer,
                "by_line_type": {
                    name: {"lines": lines, "quantity": quantity, "net_amount": money(units)}
                    for name, lines, quantity, units in zip(
                        TYPE_NAMES,
                        self.type_lines.tolist(),
                        self.type_quantity.tolist(),
                        self.type_units.tolist(),
                        strict=True,
                    )
                },
                "net_amount_by_country": _by_name(NAMES, self.country_lines, self.country_units),
                "net_amount_by_month": _by_name(months_of(settings), self.month_lines, self.month_units),
            },
            "cancelled_goods": self.cancelled_goods.as_dict(),
            "customers": {"distinct": int(self.customer_seen.sum()), **self._moves()},
            "products": {"distinct_stock_codes": int((self.first_month < settings.months).sum()), **self._renames()},
        }

    def _moves(self) -> dict[str, Any]:
        """A customer has moved who was seen in two countries: one version has begun for each."""
        seen: dict[int, list[str]] = {}
        for version in self.versions:
            seen.setdefault(version["customer_id"], []).append(version["country"])
        moved = [version for version in self.versions if len(seen[version["customer_id"]]) > 1]
        moved.sort(key=lambda version: (version["customer_id"], version["valid_from"]))
        return {
            "moved": sum(len(countries) > 1 for countries in seen.values()),
            "moved_back": sum(len(countries) > len(set(countries)) for countries in seen.values()),
            "country_versions": moved,
        }

    def _renames(self) -> dict[str, Any]:
        never = self.plan.settings.months
        months, catalogue = months_of(self.plan.settings), self.catalogue
        old, new = self.first_sale_month
        both: Mask = (old < never) & (new < never)
        renamed: Ints = np.flatnonzero(both)
        rows = [
            {
                "stock_code": catalogue.codes[code],
                "old_description": catalogue.texts[int(catalogue.old_text[code])],
                "new_description": catalogue.texts[int(catalogue.new_text[code])],
                "first_month_under_new": months[int(new[code])],
            }
            for code in renamed.tolist()
        ]
        rows.sort(key=lambda row: row["stock_code"])
        return {"renamed": len(rows), "renamed_products": rows}


class CancelledGoods:
    """How many lines of goods on cancellations undo a sale, as a whole or a part of it.

    Such a line has a customer, and is of the type `return`. Its original is a line of the type `sale` of the same
    customer and stock code, at an earlier minute: of just as many pieces, or else of more. Whoever bought the same
    twice has two originals; this counts lines that have any.

    All sales have to be remembered, so of long runs only some customers are followed: those whose number can be
    divided by `divisor`.
    """

    def __init__(self, customers: Customers, rows: int) -> None:
        self.ids = customers.ids
        self.divisor = max(1, rows // ROWS_TO_REMEMBER)
        # Arrays, one a shift: a frame each would take a tenth of the generator's time.
        self.sold: list[NDArray[np.int32]] = []
        self.cancelled: list[NDArray[np.int32]] = []

    def count(self, batch: Batch, day: Day) -> None:
        """Note the sales and the cancelled goods of a shift."""
        customer = batch.customer[batch.invoice]
        followed = (customer >= 0) & (self.ids[customer] % self.divisor == 0)
        cancelled = (batch.prefix == Prefix.C)[batch.invoice]
        for lines, sign, kept in (
            (batch.line_type == LineType.SALE, 1, self.sold),
            ((batch.line_type == LineType.RETURN) & cancelled, -1, self.cancelled),
        ):
            line = np.flatnonzero(followed & lines)
            moment = day.index * MINUTES_A_DAY + batch.minute[line]
            columns = (customer[line], batch.code[line], sign * batch.quantity[line], moment)
            kept.append(np.array(columns, dtype=np.int32))

    def as_dict(self) -> dict[str, int]:
        """Return the truth as it is written to `truth.json`."""
        cancelled = self._frame(self.cancelled).with_row_index("line")
        found = (
            self._frame(self.sold)
            .join(cancelled, on=("customer", "code"), suffix="_back")
            .filter(pl.col("moment") < pl.col("moment_back"), pl.col("quantity") >= pl.col("quantity_back"))
            .group_by("line")
            .agg((pl.col("quantity") == pl.col("quantity_back")).any().alias("is_whole"))
        )
        whole = int(found["is_whole"].sum())
        return {
            "customers_divisible_by": self.divisor,
            "lines": len(cancelled),
            "of_a_whole_sale": whole,
            "of_a_part_of_a_sale": len(found) - whole,
        }

    @staticmethod
    def _frame(shifts: list[NDArray[np.int32]]) -> pl.DataFrame:
        names = ("customer", "code", "quantity", "moment")
        return pl.DataFrame(dict(zip(names, np.concatenate(shifts, axis=1), strict=True)))


def _by_name(names: tuple[str, ...] | list[str], lines: Ints, units: Ints) -> dict[str, str]:
    pairs = zip(names, lines.tolist(), units.tolist(), strict=True)
    return {name: money(total) for name, count, total in pairs if count}
