"""A run: day by day, from the plan to the files and the truth."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.generate.catalogue import make_catalogue
from scripts.generate.customers import make_customers
from scripts.generate.dirt import Paper
from scripts.generate.faults import Faults
from scripts.generate.invoices import Batch, Shop
from scripts.generate.plan import Day, Settings, make_plan
from scripts.generate.price_list import PriceList
from scripts.generate.profiles import CustomerMaster
from scripts.generate.truth import Tally
from scripts.generate.writing import TRUTH, ParquetPieces, append_csv, as_text


class Run:
    """Writes every file of a run into an empty folder.

    Args:
        settings: what to make.
        folder: where to.
        advance: told the number of rows written, now and then.
    """

    def __init__(self, settings: Settings, folder: Path, advance: Callable[[int], None]) -> None:
        self.folder = folder
        self.advance = advance
        self.plan = make_plan(settings)
        catalogue, customers = make_catalogue(settings), make_customers(self.plan)
        self.shop = Shop(self.plan, catalogue, customers)
        self.paper = Paper(settings.seed, catalogue, customers)
        self.tally = Tally(self.plan, catalogue, customers)
        self.pieces = ParquetPieces(folder / "pieces")
        self.faults = Faults.draw(self.plan, catalogue)
        self.price_list = PriceList(settings, catalogue) if settings.price_list else None
        self.master = CustomerMaster(self.plan, customers) if settings.customer_master else None

    def write(self) -> dict[str, Any]:
        """Write the files, and return the truth."""
        for place, day in enumerate(self.plan.days):
            for part in range(len(day.shifts)):
                for batch, is_resent in self.faults.deliver(self.shop.trade(day, part), place):
                    self._write_shift(batch, day, part, is_resent=is_resent)
        if self.plan.parquet_name:
            self.pieces.finish(self.folder / self.plan.parquet_name)
        truth = self.tally.as_dict()
        if self.price_list:
            self.price_list.write(self.folder)
            truth["price_list"] = self.price_list.as_dict(self.tally.first_month)
        if self.master:
            self.master.write(self.folder)
            truth["customer_master"] = self.master.as_dict()
        if self.plan.settings.faults:
            truth["faults"] = self.faults.as_list()
        text = json.dumps(truth, indent=2, ensure_ascii=False) + "\n"
        (self.folder / TRUTH).write_text(text, encoding="utf-8")
        return truth

    def _write_shift(self, batch: Batch, day: Day, part: int, *, is_resent: bool) -> None:
        self.tally.count(batch, day)
        if self.master:
            self.master.see(batch, day)
        rows = self.paper.deliver(batch, day, part)
        if day.in_parquet and self.plan.parquet_name:
            self.pieces.add(rows)
            self._wrote(self.plan.parquet_name, len(rows))
        if not day.in_csv:
            return
        if day.in_parquet:
            rows = self.paper.reorder(rows, batch, day, part)
        rows, reasons = (as_text(rows), []) if is_resent else self.paper.spoil(as_text(rows), day, part)
        self.tally.reject(reasons)
        name = f"{'resent' if is_resent else 'daily'}/{day.date}.csv"
        (self.folder / name).parent.mkdir(exist_ok=True)
        append_csv(rows, self.folder / name, header=part == 0)
        self._wrote(name, len(rows))

    def _wrote(self, name: str, rows: int) -> None:
        self.tally.wrote(name, rows)
        self.advance(rows)
