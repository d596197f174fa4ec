"""Extend a folder of deliveries into the past: the same trade over more years, made from the lines of the folder.

A shop that is ten times as old has ten times the lines at the same density, not ten times the trade of two years. So
this module repeats the data into the past, one whole span at a time. In twenty years most of a shop's customers and
products change, but some customers stay, and postage, discounts and fees keep their codes. Without any turnover, each
new day would touch the whole history. With complete turnover, nothing would have a long history.
"""

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from scripts.bench.deliveries import (
    BLANKS,
    CALENDAR,
    INVOICE,
    SECONDS,
    cleaned,
    copy,
    customer,
    halves,
    moment,
    read,
    supplied,
)
from scripts.paths import PROJECT_ROOT

# One in this many customers buys in every span, under the same number.
STAYING_ARE_ONE_OF = 5
NUMBERS_OF_A_GENERATION = 1_000_000
# More digits than any invoice number has, so that no two generations share a number.
DIGITS = 8
VOUCHERS = "gift_0001_"


def span(folder: Path) -> tuple[date, date]:
    """Return the first and the last day of a folder's lines."""
    days = pl.concat([read(path).select(moment()) for files in halves(folder).values() for path in files])
    days = days.filter(pl.col("invoice_date").is_between(*CALENDAR))
    first, last = days.select(first=pl.min("invoice_date"), last=pl.max("invoice_date")).collect().row(0)
    return first.date(), last.date()


def multiply(folder: Path, out: Path, times: int) -> date:
    """Write a folder of deliveries and enough earlier generations to make the history `times` as long.

    The files of the folder are copied unchanged. Each earlier generation is at most two Parquet files, one for each
    half. In them an invoice has the lines of the last file of that half that delivers it, with corrections applied.

    Args:
        folder: the deliveries.
        out: the folder to make.
        times: how many times as long the history becomes; 1 only copies.

    Returns:
        The first day of the longer history.
    """
    copy(folder, out)
    first, last = span(folder)
    # Whole weeks, as the shop is closed on Saturdays.
    weeks = (last - first).days // 7 + 1
    lasting = _codes_that_last()
    for name, files in halves(folder).items():
        if not files:
            continue
        half = supplied(files)
        for generation in range(1, times):
            earlier = _earlier(half, generation, timedelta(weeks=weeks * generation), lasting)
            earlier.sink_parquet(out / f"earlier-{times - generation:02d}-{name}.parquet")
    return first - timedelta(weeks=weeks * (times - 1))


def _earlier(lines: pl.LazyFrame, generation: int, by: timedelta, lasting: list[str]) -> pl.LazyFrame:
    """Move lines into the past, with new invoices, mostly new products and mostly new customers."""
    invoice = cleaned("invoice").str.to_uppercase()
    number = pl.lit(str(generation)) + invoice.str.extract(INVOICE, 2).str.zfill(DIGITS)
    code = pl.col("stock_code").str.strip_chars(BLANKS)
    lasts = (code == "") | code.str.to_uppercase().is_in(lasting) | code.str.to_lowercase().str.starts_with(VOUCHERS)
    goes = customer() % STAYING_ARE_ONE_OF != 0
    other = (customer() + generation * NUMBERS_OF_A_GENERATION).cast(pl.String)
    return lines.with_columns(
        invoice.str.extract(INVOICE, 1) + number,
        pl.when(lasts).then("stock_code").otherwise(code + f"-{generation}").alias("stock_code"),
        # A text that is no time stays unchanged, so that its line ends in quarantine here as well.
        pl.coalesce((moment() - by).dt.strftime(SECONDS), "invoice_date").alias("invoice_date"),
        pl.when(goes).then(other).otherwise("customer_id").alias("customer_id"),
    )


def _codes_that_last() -> list[str]:
    classes = pl.read_csv(PROJECT_ROOT / "seeds" / "product_classes.csv", infer_schema=False)
    return classes["stock_code"].to_list()
