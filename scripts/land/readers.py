"""The reader for each format."""

from collections.abc import Iterator
from typing import Protocol

from scripts.errors import Refusal
from scripts.land.archive import only_name
from scripts.land.csv_reader import CsvReader
from scripts.land.discovery import Delivery, format_of
from scripts.land.json_reader import JsonLinesReader
from scripts.land.parquet_reader import ParquetReader
from scripts.land.rows import Batch
from scripts.land.xlsx_reader import XlsxReader


class Table(Protocol):
    """Rows under one header: a whole file, or a sheet of a workbook."""

    @property
    def name(self) -> str:
        """Return what it is called within the file, if it is called anything."""

    @property
    def header(self) -> list[str]:
        """Return the names of the columns, as delivered."""

    @property
    def delimiter(self) -> bytes:
        """Return what stands between fields in the batches."""

    def batches(self, file_id: int, *, careful: bool, fewest: int | None = None) -> Iterator[Batch]:
        """Read the rows, stamped with the number of the file."""


class Reader(Protocol):
    """An open file: its tables one after the other, then the hash of what was read."""

    @property
    def format(self) -> str:
        """Return the format, as the contract calls it."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what is not plain about the file, a word each."""

    def tables(self) -> Iterator[Table]:
        """Return the tables; each must be read before the next."""

    def digest(self) -> str:
        """Return the SHA-256, in hexadecimal, of what the batches came from."""

    def close(self) -> None:
        """Let go of the file."""


def open_reader(delivery: Delivery, *, encoding: str | None, careful: bool) -> Reader:
    """Open a file for reading.

    Args:
        delivery: the file.
        encoding: how its text is encoded, if it is text and somebody knows.
        careful: whether to find that out from the whole file.

    Raises:
        Refusal: the file is not what its name says, or has no header.
        NeedsCare: only a careful reading can tell.
        OSError: the file cannot be read.
    """
    path = delivery.path
    if (file_format := delivery.format) == "zip":
        within = only_name(path)
        file_format = format_of(within) or ""
        if not file_format:
            raise Refusal(f"holds {within!r}, which is of no known format")
    match file_format:
        case "csv":
            return CsvReader(path, encoding=encoding, careful=careful)
        case "jsonl":
            return JsonLinesReader(path, encoding=encoding)
        case "xlsx":
            return XlsxReader(path)
        case _ if delivery.format == "zip":
            raise Refusal(f"holds {within!r}, which is packed twice or need not be packed: unpack it")
        case _:
            return ParquetReader(path)
