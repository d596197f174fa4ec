"""Odd files, each with its own invoice numbers, and what must become of them.

Each module of this folder has a list `CASES`. tests/python/test_corpus.py lands the files of all cases in one run,
builds staging once, and compares. A module needs no other entry anywhere.

A row is written in one line, with bars between the columns, in the order of its staging model:

    sales     invoice_number|stock_code|description|quantity|invoiced_at|unit_price|customer_id|country_text
    products  stock_code|category_list|unit_cost|list_price|effective_on

An empty column is null. Numbers have no trailing zeros. A row that waits in quarantine is `? ` with its reasons.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
PRODUCTS_HEADER = "StockCode,Category,Cost,ListPrice,EffectiveDate"


@dataclass(frozen=True)
class Case:
    """A file and its outcome.

    Attributes:
        name: the name of the file, which no other case has. Files land in the order of their names.
        content: the text in UTF-8, the bytes, or a function that writes the file to the given path.
        verdict: what the loader makes of the file.
        says: a part of the loader's message about the file.
        rows: the rows of the file in staging, in their order.
        why: what would go wrong otherwise.
    """

    name: str
    content: str | bytes | Callable[[Path], object]
    verdict: Literal["landed", "skipped", "refused"] = "landed"
    says: str = ""
    rows: Sequence[str] = ()
    why: str = ""

    def write(self, folder: Path) -> None:
        """Write the file into a folder."""
        path = folder / self.name
        if callable(self.content):
            self.content(path)
        else:
            path.write_bytes(self.content.encode() if isinstance(self.content, str) else self.content)


def sale(
    invoice: object,
    *,
    stock_code: str = "85123A",
    description: str = "LANTERN",
    quantity: object = 6,
    invoiced_at: str = "2010-12-01 08:26:00",
    unit_price: object = "2.55",
    customer_id: object = 17850,
    country: str = "France",
) -> str:
    """Return a row of sales as the corpus writes it; with commas in place of bars, a line of a CSV file."""
    values = (invoice, stock_code, description, quantity, invoiced_at, unit_price, customer_id, country)
    return "|".join(map(str, values))


def csv(*rows: str, header: str = HEADER, delimiter: str = ",", end: str = "\n") -> str:
    """Return the text of a CSV file: a header, then rows with bars between their columns."""
    lines = [header.replace(",", delimiter), *(row.replace("|", delimiter) for row in rows)]
    return end.join(lines) + end


def sales(name: str, *rows: str, expected: Sequence[str] | None = None, says: str = "", why: str = "") -> Case:
    """Return a case of a plain CSV file that lands: its rows, and the rows expected of them if these differ."""
    return Case(name, csv(*rows), says=says, rows=rows if expected is None else expected, why=why)
