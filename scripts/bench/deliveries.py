"""Read a folder of deliveries as text, and make clean lines and the files of future days from it for the benchmark.

The folder holds Parquet files and a folder `daily` of CSV files, as Online Retail II and generated files do.
"""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

COLUMNS = ("invoice", "stock_code", "description", "quantity", "invoice_date", "unit_price", "customer_id", "country")
# The column names of the daily files.
HEADERS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
BLANKS = " \t\r\n\u00a0"
# Letters in front of an invoice number mark cancellations (C) and bad debt (A).
INVOICE = r"^([A-Z]*)(.*)$"
SECONDS = "%Y-%m-%d %H:%M:%S"
# The range of dates that dbt_project.yml accepts; lines of other years are wrong on purpose.
CALENDAR = (datetime(2009, 1, 1), datetime(2030, 12, 31, 23, 59, 59))

LINES_OF_A_DAY = 2_500
# The model of a new day is one of this many days at the end of the data.
RECENT = 60
# Above any invoice number in the data; the numbers of each new day start a hundred thousand further on.
FIRST_NEW_INVOICE = 5_000_000_000
INVOICES_OF_A_DAY = 100_000
LATE_SERIES = 1_000
# One in this many customers of a new day has never bought before.
NEW_CUSTOMERS_ARE_ONE_OF = 10
FIRST_NEW_CUSTOMER = 500_000
LATE_BY = timedelta(days=30)


def read(path: Path) -> pl.LazyFrame:
    """Read a file of sales lines, all columns as text, under the column names of bronze."""
    lines = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_csv(path, infer_schema=False)
    names = lines.collect_schema().names()
    return lines.rename(dict(zip(names, COLUMNS, strict=True))).select(pl.all().cast(pl.String))


def halves(folder: Path) -> dict[str, list[Path]]:
    """Return the files of a folder's two halves, in the order in which they land."""
    return {"archive": sorted(folder.glob("*.parquet")), "daily": sorted((folder / "daily").glob("*.csv"))}


def copy(folder: Path, out: Path, without: Collection[Path] = ()) -> None:
    """Copy the files of a folder without their permissions, because the copies are changed and deleted later."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in without:
            place = out / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def supplied(files: list[Path]) -> pl.LazyFrame:
    """Return each invoice's lines from the last of the files that has it: a later file corrects an earlier one."""
    parts = [read(path).with_columns(pl.lit(number).alias("file")) for number, path in enumerate(files)]
    lines = pl.concat(parts).with_columns(cleaned("invoice").str.to_uppercase().alias("number"))
    last = lines.group_by("number").agg(pl.col("file").max().alias("last"))
    counts = pl.col("number").is_null() | (pl.col("file") == pl.col("last"))
    return lines.join(last, on="number", how="left", maintain_order="left").filter(counts).select(COLUMNS)


def cleaned(column: str) -> pl.Expr:
    """Return a column without leading and trailing blanks, null where only blanks remain."""
    text = pl.col(column).str.strip_chars(BLANKS)
    return pl.when(text != "").then(text)


def moment() -> pl.Expr:
    """Return the time of a line's invoice, null where the text is no time."""
    return cleaned("invoice_date").str.to_datetime(SECONDS, strict=False)


def customer() -> pl.Expr:
    """Return the customer number of a line, null where the line has none."""
    return cleaned("customer_id").str.strip_suffix(".0").cast(pl.Int64, strict=False)


def write_clean(folder: Path, out: Path) -> None:
    """Write the valid lines of a folder to one clean CSV file: each invoice once, every line usable."""
    files = [path for half in halves(folder).values() for path in half]
    usable = (
        cleaned("invoice").is_not_null()
        & cleaned("stock_code").is_not_null()
        & cleaned("quantity").cast(pl.Int32, strict=False).is_not_null()
        & cleaned("unit_price").cast(pl.Float64, strict=False).is_not_null()
        & moment().is_between(*CALENDAR)
        & (customer().is_not_null() | cleaned("customer_id").is_null())
    )
    tidy = [*(cleaned(name) for name in COLUMNS if name != "customer_id"), customer().alias("customer_id")]
    lines = supplied(files).filter(usable).with_columns(tidy)
    lines.with_columns(pl.col("invoice").str.to_uppercase()).sink_csv(out)


@dataclass(frozen=True)
class Days:
    """Makes the files of new days, modelled on one of the last days of the data.

    Args:
        folder: the folder of deliveries.
        work: the folder to write to.
    """

    folder: Path
    work: Path

    def new(self, number: int) -> Path:
        """Write the file of a day after the last day; 1 is the next day."""
        return self._write("new", self._last() + timedelta(days=number), number)

    def late(self, number: int) -> Path:
        """Write a late file for a day of a month ago; 1 is thirty days before the last day, 2 is one day earlier."""
        return self._write("late", self._last() - LATE_BY - timedelta(days=number - 1), LATE_SERIES + number)

    def _last(self) -> date:
        return date.fromisoformat(halves(self.folder)["daily"][-1].stem)

    def _model(self) -> pl.DataFrame:
        """Return the lines of the recent day whose number of lines is nearest to the day in the goal."""
        recent = [read(path).collect() for path in halves(self.folder)["daily"][-RECENT:]]
        return min(recent, key=lambda lines: abs(len(lines) - LINES_OF_A_DAY))

    def _write(self, kind: str, day: date, series: int) -> Path:
        lines = self._model().with_columns(cleaned("invoice").str.to_uppercase())
        number = pl.col("invoice").rank("dense").cast(pl.Int64) + FIRST_NEW_INVOICE + series * INVOICES_OF_A_DAY
        is_new = customer() % NEW_CUSTOMERS_ARE_ONE_OF == series % NEW_CUSTOMERS_ARE_ONE_OF
        newcomer = (customer() + FIRST_NEW_CUSTOMER + series).cast(pl.String) + ".0"
        written = lines.with_columns(
            (pl.col("invoice").str.extract(INVOICE, 1) + number.cast(pl.String)).alias("invoice"),
            (pl.lit(f"{day} ") + cleaned("invoice_date").str.slice(len("2009-12-01 "))).alias("invoice_date"),
            pl.when(is_new).then(newcomer).otherwise("customer_id").alias("customer_id"),
        )
        self.work.mkdir(parents=True, exist_ok=True)
        path = self.work / f"{kind}-{day}.csv"
        written.rename(dict(zip(COLUMNS, HEADERS, strict=True))).write_csv(path)
        return path
