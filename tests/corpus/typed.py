"""Parquet and JSON: the same value has one text, whichever type it has."""

import base64
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from corpus import HEADER, Case, sale

NAMES = HEADER.split(",")
UTC = timezone.utc
WHEN = datetime(2010, 12, 1, 8, 26)  # local time of the shop


def parquet(**values: Any) -> Callable[[Path], object]:
    """Return what writes a Parquet file; each column may be given as a list or a series."""
    columns: dict[str, Any] = {
        "Invoice": ["1"], "StockCode": ["85123A"], "Description": ["LANTERN"], "Quantity": [6], "InvoiceDate": [WHEN],
        "Price": [2.55], "Customer ID": [17850], "Country": ["France"],
    }  # fmt: skip
    columns |= {name.replace("_", " "): value for name, value in values.items()}
    height = max(len(column) for column in columns.values())
    full = {name: column if len(column) == height else list(column) * height for name, column in columns.items()}
    return lambda path: pl.DataFrame(full).write_parquet(path)


def times(*values: Any, unit: str = "us", zone: str | None = None) -> pl.Series:
    """Return a column of timestamps; an integer counts units since 1970."""
    return pl.Series(values, dtype=pl.Int64 if isinstance(values[0], int) else None).cast(pl.Datetime(unit, zone))


def unknown_zone(path: Path) -> None:
    """Write a Parquet file with the time zone `+25:99`, at which the library panics."""
    parquet(InvoiceDate=times(0, zone="Israel"))(path)
    content = path.read_bytes()
    start = content.index(b"/////", content.index(b"ARROW:schema"))
    end = start
    while content[end : end + 1].isalnum() or content[end : end + 1] in (b"+", b"/", b"="):
        end += 1
    schema = base64.b64decode(content[start:end])
    assert b"Israel" in schema
    changed = base64.b64encode(schema.replace(b"Israel", b"+25:99"))
    path.write_bytes(content[:start] + changed + content[end:])


def endless(path: Path) -> None:
    """Write a Parquet file of a few kB with eight million rows."""
    column = pl.repeat(1, 8_000_000, dtype=pl.UInt8, eager=True)
    pl.DataFrame(dict.fromkeys(NAMES, column)).write_parquet(path)


def jsonl(*rows: str) -> str:
    """Return JSON Lines: the usual row with other values, each given as JSON."""
    usual = {name: json.dumps(value) for name, value in zip(NAMES, sale(1).split("|"), strict=True)}
    lines = [usual | dict(part.split("=", 1) for part in row.split(" & ")) for row in rows]
    return "".join("{" + ", ".join(f'"{name}": {value}' for name, value in line.items()) + "}\n" for line in lines)


SUMMER, WINTER = datetime(2010, 7, 1, 12, tzinfo=UTC), datetime(2010, 12, 1, 8, 26, tzinfo=UTC)

CASES = [
    Case("typed_plain.parquet", parquet(Invoice=["130001"]), rows=[sale(130001)]),
    Case("typed_floats.parquet", parquet(Invoice=[130002.0], StockCode=[21001.0], Quantity=[1.0], Customer_ID=[613100.0],
                                         Price=[2.0]),
         rows=[sale(130002, stock_code="21001", quantity=1, customer_id=613100, unit_price=2)]),
    Case("typed_float32.parquet", parquet(Invoice=["130003"], Price=pl.Series([2.55], dtype=pl.Float32)),
         rows=[sale(130003)]),
    Case("typed_nan.parquet", parquet(Invoice=["130004", "130005"], Customer_ID=[float("nan"), 17850.0]),
         rows=[sale(130004, customer_id=""), sale(130005)]),
    Case("typed_infinity.parquet", parquet(Invoice=["130006"], Price=[float("inf")]), rows=["? unit_price_not_a_number"]),
    Case("typed_zero.parquet", parquet(Invoice=["130007"], Price=[-0.0]), rows=[sale(130007, unit_price=0)]),
    Case("typed_tiny.parquet", parquet(Invoice=["130008", "130009"], Price=[1e-4, 1.5e-7]),
         rows=[sale(130008, unit_price="0.0001"), "? unit_price_not_a_number"]),
    Case("typed_huge.parquet", parquet(Invoice=["130010"], Price=[1e300]), rows=["? unit_price_not_a_number"]),
    Case("typed_large_key.parquet", parquet(Invoice=[1e15 + 130011]), rows=[sale(1000000000130011)]),
    Case("typed_decimal.parquet", parquet(Invoice=["130012"], Quantity=[Decimal("1.00")], Price=[Decimal("2.5500")]),
         rows=[sale(130012, quantity=1)]),
    Case("typed_decimal_hundred.parquet", parquet(Invoice=["130013"], Quantity=[Decimal("100.00")],
                                                  Price=pl.Series([Decimal("10")], dtype=pl.Decimal(10, 0))),
         rows=[sale(130013, quantity=100, unit_price=10)]),
    Case("typed_boolean.parquet", parquet(Invoice=["130014"], Description=[True]),
         rows=[sale(130014, description="true")]),
    Case("typed_category.parquet", parquet(Invoice=["130015"], Country=pl.Series(["France"], dtype=pl.Categorical)),
         rows=[sale(130015)]),
    Case("typed_null.parquet", parquet(Invoice=["130016"], Description=pl.Series([None], dtype=pl.Null)),
         rows=[sale(130016, description="")]),
    Case("typed_text.parquet", parquet(Invoice=["130017"], StockCode=["21001.0"], Description=["1.50"], Price=["2.550"]),
         rows=[sale(130017, stock_code="21001.0", description="1.50")], why="Text stays exactly as delivered."),
    Case("typed_date.parquet", parquet(Invoice=["130018"], InvoiceDate=[date(2010, 12, 1)]),
         rows=[sale(130018, invoiced_at="2010-12-01 00:00:00")]),
    Case("typed_ms.parquet", parquet(Invoice=["130019"], InvoiceDate=times(WHEN, unit="ms")), rows=[sale(130019)]),
    Case("typed_ns.parquet", parquet(Invoice=["130020", "130021"], InvoiceDate=times(
         1291191960 * 10**9, 1291191960 * 10**9 + 123_456_000, unit="ns")),
         rows=[sale(130020), sale(130021, invoiced_at="2010-12-01 08:26:00.123456")]),
    Case("typed_ns_exact.parquet", parquet(Invoice=["130022"], InvoiceDate=times(1291191960 * 10**9 + 1, unit="ns")),
         rows=["? invoice_date_not_a_timestamp"], why="A time is never cut short in silence."),
    Case("typed_summer.parquet", parquet(Invoice=["130023", "130024"], InvoiceDate=times(SUMMER, WINTER, zone="UTC")),
         rows=[sale(130023, invoiced_at="2010-07-01 13:00:00"), sale(130024)],
         why="The table holds the local time of the shop."),
    Case("typed_paris.parquet", parquet(Invoice=["130025"], InvoiceDate=times(SUMMER, zone="UTC").dt.convert_time_zone(
         "Europe/Paris")), rows=[sale(130025, invoiced_at="2010-07-01 13:00:00")]),
    Case("typed_far_time.parquet", parquet(Invoice=["130026", "130027"], InvoiceDate=times(2**63 - 1, 1291191960 * 10**6)),
         rows=["? invoice_date_not_a_timestamp", sale(130027)], why="One absurd time must not refuse the file."),
    Case("typed_year_10000.parquet", parquet(Invoice=["130028"], InvoiceDate=times(253_402_300_800 * 10**6)),
         rows=["? invoice_date_not_a_timestamp"]),
    Case("typed_duration.parquet", parquet(Invoice=["130029"], InvoiceDate=[timedelta(hours=30)]),
         rows=["? invoice_date_not_a_timestamp"]),
    Case("typed_list.parquet", parquet(Invoice=["130030"], Description=[["a"]]), "refused", "column 'Description' holds List"),
    Case("typed_binary.parquet", parquet(Invoice=["130031"], Description=[b"a"]), "refused", "holds Binary"),
    Case("typed_no_rows.parquet", lambda path: pl.DataFrame(dict.fromkeys(NAMES, pl.Series([], dtype=pl.String))
                                                             ).write_parquet(path), says="it has a header but no rows"),
    Case("typed_nul.parquet", parquet(Invoice=["130032", "130033"], Description=["a\0b", "LANTERN"]), rows=[sale(130033)]),
    Case("typed_zone.parquet", unknown_zone, "refused", "cannot be read"),
    Case("typed_endless.parquet", endless, "refused", "unpacks to more than 200 times its size"),
    Case("typed_damaged.parquet", b"PAR1" + bytes(100) + b"PAR1", "refused", "not a readable Parquet file"),
    Case("typed_empty.parquet", b"", "refused", "the file is empty"),
    Case("typed_price_list.parquet", lambda path: pl.DataFrame({"Code": [21001.0], "Category": ["Bags"], "Cost": [1.5],
         "ValidFrom": [date(2010, 12, 1)]}).write_parquet(path), says="without list_price",
         rows=["21001|Bags|1.5||2010-12-01"]),
    Case("typed_numbers.jsonl", jsonl("Invoice=131001.0 & StockCode=21001.0 & Quantity=1E1 & Customer ID=1.785e4",
                                      "Invoice=131002 & Price=2.550 & Quantity=6.000", "Invoice=131003 & Price=-0.0"),
         rows=[sale(131001, stock_code="21001", quantity=10), sale(131002), sale(131003, unit_price=0)]),
    Case("typed_odd_numbers.jsonl", jsonl("Invoice=131004 & Customer ID=NaN", "Invoice=131005 & Price=Infinity",
                                          "Invoice=131006 & Price=1e300", "Invoice=131007 & Price=1e999999999"),
         rows=[sale(131004, customer_id=""), *["? unit_price_not_a_number"] * 3]),
    Case("typed_long_number.jsonl", jsonl("Invoice=12345678901234567890"), rows=[sale("12345678901234567890")]),
    Case("typed_text.jsonl", jsonl('Invoice="131008" & StockCode="21001.0" & Description="1E1"'),
         rows=[sale(131008, stock_code="21001.0", description="1E1")]),
    Case("typed_boolean.jsonl", jsonl('Invoice="131009" & Description=true & Customer ID=null'),
         rows=[sale(131009, description="true", customer_id="")]),
]  # fmt: skip
