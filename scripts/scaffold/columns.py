"""Tell the columns of a file: their names in the warehouse, their types, and whether a row needs them."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Literal

from scripts.errors import Refusal
from scripts.land.contract import ADDED
from scripts.land.files.discovery import Delivery, discover
from scripts.land.readers.open import Reader, Table, open_reader
from scripts.land.rows import NeedsCare

Kind = Literal["text", "integer", "decimal", "date", "timestamp"]

# A column has a type, and is required, if at least this share of the rows says so. The other rows are bad rows.
SHARE = 0.9
MOST_ROWS = 100_000
# What `clean_text` trims.
BLANKS = " \t\r\n\u00a0"
INTEGER = re.compile(r"-?\d+(\.0)?")
DECIMAL = re.compile(r"-?(\d+(\.\d*)?|\.\d+)")
# Numbers like 00123 are codes.
CODE = re.compile(r"-?0\d")
YEAR = re.compile(r"(19|20)\d\d")
LARGEST_INTEGER = 2**31 - 1
MOST_DECIMALS, LEAST_PRECISION = 6, 12
# The formats of `safe_date`, each as `strptime` knows it. Of formats that fit equally well the first is taken.
DATES = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "YYYY-MM": "%Y-%m",
    "YYYY/MM/DD": "%Y/%m/%d",
    "DD/MM/YYYY": "%d/%m/%Y",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD-MM-YYYY": "%d-%m-%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "MM/YYYY": "%m/%Y",
}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{3}|\.\d{6})?)?")
MIDNIGHT = re.compile(r"[ T]00:00(:00(\.0+)?)?$")

# Words that PostgreSQL does not take as the name of a column (manual, appendix C), and columns that models add.
WORDS = """
    all analyse analyze and any array as asc asymmetric authorization both case cast check collate collation column
    concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
    from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
    returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
    unique user using variadic verbose when where window with
    file_id file_line file_name first_seen_at is_usable quarantine_reasons
"""
RESERVED = frozenset(WORDS.split())
LONGEST_NAME = 48


@dataclass(frozen=True)
class Column:
    """A column of a file.

    Attributes:
        spelling: its name in the file.
        name: its name in bronze.
        kind: the type of its values.
        is_required: whether a row without it cannot be used.
        date_format: the format of its dates.
        precision: of decimals, all digits.
        scale: of decimals, the digits after the point.
        misfits: values of some rows that are not of the type.
    """

    spelling: str
    name: str
    kind: Kind
    is_required: bool
    date_format: str = ""
    precision: int = 0
    scale: int = 0
    misfits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        format: its format in the contract.
        columns: its columns.
        rows: the number of rows that were looked at.
    """

    format: str
    columns: tuple[Column, ...]
    rows: int


def read_content(path: Path) -> Content:
    """Read a file as the loader does, and tell its columns.

    Raises:
        Refusal: the loader cannot read the file, or it has no header or no rows.
    """
    if path.is_dir():
        raise Refusal(f"{path}: a folder; give one file of the new source.")
    try:
        (delivery,) = discover([path]).deliveries
        if delivery.problem:
            raise Refusal(delivery.problem)
        with closing(_opened(delivery)) as reader:
            table = next(iter(reader.tables()), None)
            if table is None:
                raise Refusal("the file is empty")
            header = [" ".join(title.split()) for title in table.header]
            rows = list(islice(_rows(table), MOST_ROWS))
            return Content(reader.format, _columns(header, rows), len(rows))
    except OSError as error:
        raise Refusal(f"{path}: cannot be read: {error.strerror or error}.") from error
    except Refusal as refusal:
        named = refusal.message if refusal.message.startswith(str(path)) else f"{path}: {refusal.message}"
        raise Refusal(f"{named.rstrip('.')}.") from None


def snake_case(text: str) -> str:
    """Return a name of lower case letters, digits and underscores; empty if the text has no letters and digits."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()
    return re.sub(r"[^a-z0-9]+", "_", parted).strip("_")[:LONGEST_NAME].strip("_")


def _opened(delivery: Delivery) -> Reader:
    try:
        return open_reader(delivery, encoding=None, careful=False)
    except NeedsCare:
        return open_reader(delivery, encoding=None, careful=True)


def _rows(table: Table) -> Iterator[list[str]]:
    """Yield the values of each row, trimmed; rows that the loader would reject are left out."""
    for batch in table.batches(0, careful=True):
        records = csv.reader(io.StringIO(bytes(batch.data).decode(), newline=""), delimiter=table.delimiter.decode())
        for record in records:
            # The last two values are the file and the line.
            yield [value.strip(BLANKS) for value in record[:-2]]


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[Column, ...]:
    for title in header:
        if not title:
            raise Refusal("a column has no name in the first row: name it, or take the column out")
        if re.search(r"{[{%#]", title):
            raise Refusal(f"the column {title!r} has the marks of a template in its name: rename it")
        if _is_value(title):
            raise Refusal(f"the first row is no header, as it holds the value {title!r}: add a row with column names")
    if doubled := {title for title in header if header.count(title) > 1}:
        raise Refusal(f"two columns are called {min(doubled)!r}")
    if not rows:
        raise Refusal("the file has a header but no rows, so the types of its columns are unknown")
    columns = []
    for title, name, values in zip(header, _names(header), zip(*rows, strict=True), strict=True):
        columns.append(_column(title, name, values))
    if not any(column.is_required for column in columns):
        raise Refusal("each column is empty in many rows, so no column tells the file from others")
    return tuple(columns)


def _names(header: Sequence[str]) -> list[str]:
    names: list[str] = []
    for number, title in enumerate(header, 1):
        name = snake_case(title)
        name = name if name[:1].isalpha() else f"column_{name or number}"
        name = f"{name}_value" if name in RESERVED or name in ADDED else name
        names.append(name if name not in names else f"{name}_{number}")
    return names


def _column(title: str, name: str, values: Sequence[str]) -> Column:
    filled = [value for value in values if value]
    is_required = len(filled) >= SHARE * len(values)

    def enough(fitting: Sequence[str]) -> bool:
        return bool(filled) and len(fitting) >= SHARE * len(filled)

    def misfits(fitting: Iterable[str]) -> tuple[str, ...]:
        known = set(fitting)
        return tuple(value for value in filled if value not in known)

    numbers = [value for value in filled if DECIMAL.fullmatch(value)]
    if enough(numbers) and not any(CODE.match(value) for value in numbers):
        whole = [value for value in numbers if INTEGER.fullmatch(value) and abs(float(value)) <= LARGEST_INTEGER]
        if enough(whole) and len(whole) == len(numbers):
            return Column(title, name, "integer", is_required, misfits=misfits(whole))
        scale = min(max(2, *(len(value.partition(".")[2]) for value in numbers)), MOST_DECIMALS)
        digits = max(len(value.lstrip("-").partition(".")[0]) for value in numbers)
        precision = max(LEAST_PRECISION, digits + scale + 2)
        fitting = [value for value in numbers if len(value.partition(".")[2]) <= scale]
        return Column(title, name, "decimal", is_required, "", precision, scale, misfits(fitting))
    moments = [value for value in filled if TIMESTAMP.fullmatch(value) and _is_date(value[:10], "%Y-%m-%d")]
    if enough(moments) and not all(MIDNIGHT.search(value) for value in moments):
        return Column(title, name, "timestamp", is_required, misfits=misfits(moments))
    readings = {form: [value for value in filled if _is_date(value, python)] for form, python in DATES.items()}
    readings["YYYY-MM-DD"] += [value for value in moments if MIDNIGHT.search(value)]
    best = max(readings, key=lambda form: len(readings[form]))
    if enough(readings[best]):
        return Column(title, name, "date", is_required, best, misfits=misfits(readings[best]))
    return Column(title, name, "text", is_required)


def _is_date(value: str, form: str) -> bool:
    try:
        # `strptime` would also accept days and months of one digit.
        return datetime.strptime(value, form).strftime(form) == value
    except ValueError:
        return False


def _is_value(title: str) -> bool:
    # A file may have a column for each year.
    is_number = bool(DECIMAL.fullmatch(title)) and not YEAR.fullmatch(title)
    return is_number or any(_is_date(title, form) for form in DATES.values())
