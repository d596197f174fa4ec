"""Workbooks."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from corpus import HEADER, Case, sale

Rows = Sequence[Sequence[Any]]

NAMES = HEADER.split(",")
WHEN = datetime(2010, 12, 1, 8, 26)  # a workbook stores no time zones
ERRORS = ["#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!"]


class Error(str):
    """The error of a cell."""


def line(invoice: object, **more: object) -> list[object]:
    """Return a row of typed values."""
    values = {"stock_code": "85123A", "description": "LANTERN", "quantity": 6, "at": WHEN, "price": 2.55,
              "customer": 17850, "country": "France", **more}  # fmt: skip
    return [invoice, *values.values()]


def content(sheets: dict[str, Rows], *, hidden: Sequence[str] = (), secret: Sequence[str] = ()) -> bytes:
    """Return a workbook."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}) as workbook:
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            if name in hidden:
                sheet.hide()
            if name in secret:
                sheet.very_hidden()
            for row, values in enumerate(rows):
                for column, value in enumerate(values):
                    if isinstance(value, Error):
                        sheet.write_formula(row, column, "=X", None, value)
                    else:
                        sheet.write(row, column, value)
    return file.getvalue()


def book(name: str, rows: Rows, expected: Sequence[str], *, says: str = "") -> Case:
    """Return a workbook of one sheet that lands."""
    return Case(f"book_{name}.xlsx", content({"Sales": rows}), says=says, rows=expected)


def changed(old: bytes, new: bytes, number: int) -> Callable[[Path], object]:
    """Return what writes a workbook whose sheet is changed by hand."""

    def write(path: Path) -> None:
        with (
            zipfile.ZipFile(io.BytesIO(content({"Sales": [NAMES, line(number)]}))) as source,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target,
        ):
            for member in source.namelist():
                data = source.read(member)
                if member.startswith("xl/worksheets/"):
                    assert old in data
                    data = data.replace(old, new)
                target.writestr(member, data)

    return write


def far(path: Path) -> None:
    """Write a workbook of 6 kB with a value in the last cell of the sheet."""
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, NAMES)
        sheet.write(1_048_575, 16_383, "x")


CASES = [
    book("plain", [NAMES, line(120001)], [sale(120001)]),
    book("titled", [["Sales report"], [], ["March 2011", None, 7], NAMES, line(120002)], [sale(120002)],
         says="2 lines above the header passed over"),
    book("again", [NAMES, line(120003), NAMES, line(120004)], [sale(120003), sale(120004)],
         says="1 repeated header passed over"),
    book("header_only", [NAMES], [], says="it has a header but no rows"),
    book("spelled", [["Invoice No.", "Stock Code", "DESCRIPTION", "Quantity (pcs)", "Invoice Date", "Unit Price (£)",
                      "Customer No"[:8] + " ID", "Country"], line(120005)], [sale(120005)]),
    book("floats", [NAMES, line(120006.0, stock_code=21001.0, quantity=1.0, customer=613100.0, price=1.0)],
         [sale(120006, stock_code="21001", quantity=1, customer_id=613100, unit_price=1)]),
    book("fractions", [NAMES, line(120007, price=0.1 + 0.2), line(120008, price=0.0015), line(120009, price=-0.0)],
         [sale(120007, unit_price="0.3"), sale(120008, unit_price="0.0015"), sale(120009, unit_price="0")]),
    book("huge", [NAMES, line(120010, price=1e300)], ["? unit_price_not_a_number"]),
    book("booleans", [NAMES, line(120011, description=True, country=False)],
         [sale(120011, description="true", country="false")]),
    book("dates", [NAMES, line(120012, at=date(2010, 12, 1)), line(120013, at=datetime(2010, 12, 1, 8, 26, 0, 500_000))],
         [sale(120012, invoiced_at="2010-12-01 00:00:00"), sale(120013, invoiced_at="2010-12-01 08:26:00.5")]),
    book("text", [NAMES, line("120014", stock_code="0012", description="1.50", customer="00017850")],
         [sale(120014, stock_code="0012", description="1.50")]),
    book("errors", [NAMES, *(line(120100 + n, description=Error(error)) for n, error in enumerate(ERRORS)), line(120199)],
         ["? error_in_cell"] * len(ERRORS) + [sale(120199)]),
    book("error_in_each_column", [NAMES, *([*line(120200)[:n], Error("#N/A"), *line(120200)[n + 1 :]] for n in range(8))],
         ["? error_in_cell", "? error_in_cell", "? error_in_cell", "? error_in_cell, quantity_not_an_integer",
          "? error_in_cell, invoice_date_not_a_timestamp", "? error_in_cell, unit_price_not_a_number",
          "? error_in_cell, customer_id_not_an_integer", "? error_in_cell"]),
    book("text_like_an_error", [NAMES, line(120015, description='<c t="e">')], [sale(120015, description='<c t="e">')]),
    Case("book_hidden.xlsx", content({"Sales": [NAMES, line(120016)], "Old": [NAMES, line(120017)]}, hidden=["Old"]),
         says="sheet 'Old' passed over, as it is hidden", rows=[sale(120016)]),
    Case("book_very_hidden.xlsx", content({"Sales": [NAMES, line(120018)], "Old": [NAMES, line(120019)]}, secret=["Old"]),
         says="sheet 'Old' passed over, as it is hidden", rows=[sale(120018)]),
    Case("book_sheets.xlsx", content({"A": [NAMES, line(120020)], "Notes": [["hello"]], "B": [NAMES, line(120021)]}),
         says="sheet 'Notes' passed over: the first row is no header", rows=[sale(120020), sale(120021)]),
    Case("book_sheet_name.xlsx", content({"A": [NAMES, line(120022)], "\u202eB": [["x"]]}),
         says="sheet '\\u202eB' passed over", rows=[sale(120022)]),
    Case("book_far.xlsx", far, "refused", "reading it takes more than the 2,048 MiB of memory"),
    Case("book_wild_reference.xlsx", changed(b'<c r="C2"', b'<c r="ZZZZZZZ2"', 120023), "refused", "takes more than the 2,048 MiB"),
    Case("book_single_quotes.xlsx", changed(b'<c r="C2" t="s"><v>9</v>', b"<c r='C2' t='e'><v>#REF!</v>", 120024),
         rows=["? error_in_cell"]),
    Case("book_no_zip.xlsx", b"Invoice,StockCode\n", "refused", "not a whole zip file"),
    Case("book_after.xlsx", content({"Sales": [NAMES, line(120098)]}), rows=[sale(120098)],
         why="The files behind a file that ends the reading process still land."),
]  # fmt: skip
