"""Open the reader for the format of a file."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from scripts.errors import Refusal
from scripts.land.files.discovery import Delivery, format_of
from scripts.land.files.unpack import name_in_zip
from scripts.land.readers.apart import ReaderApart
from scripts.land.readers.csv import CsvReader
from scripts.land.readers.jsonl import JsonLinesReader
from scripts.land.rows import Batch


class Table(Protocol):
    """Rows under one header: a whole file, or a sheet of a workbook."""

    @property
    def name(self) -> str:
        """Return the name of the sheet; empty for a whole file."""

    @property
    def hidden(self) -> bool:
        """Return whether it is a sheet that users do not see."""

    @property
    def candidates(self) -> Sequence[list[str]]:
        """Return the first rows, each of which may be the header below some title."""

    @property
    def header(self) -> list[str]:
        """Return the names of the columns, as delivered."""

    @property
    def notes(self) -> Sequence[str]:
        """Return remarks about the rows, once they are read."""

    def begin_at(self, place: int) -> None:
        """Take a candidate for the header, the first by default. The rows begin below it."""

    @property
    def delimiter(self) -> bytes:
        """Return the delimiter of the batches."""

    def batches(
        self, file_id: int, *, careful: bool, fewest: int | None = None, time_zone: str | None = None
    ) -> Iterator[Batch]:
        """Read the rows, stamped with the file id and the line."""


class Reader(Protocol):
    """An open file: its tables one after the other, then the hash of the file."""

    @property
    def format(self) -> str:
        """Return the name of the format in the contract."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return the peculiarities of the file, one word each."""

    def tables(self) -> Iterator[Table]:
        """Return the tables. Read each table before the next."""

    def digest(self) -> str:
        """Return the SHA-256 of the file, in hexadecimal."""

    def close(self) -> None:
        """Close the file."""


def open_reader(delivery: Delivery, *, encoding: str | None, careful: bool) -> Reader:
    """Open a file for reading.

    Args:
        delivery: the file.
        encoding: the encoding of a text file, if it is known.
        careful: whether to detect the encoding of text from the whole file, and read others in a new process.

    Raises:
        Refusal: the content does not match the name, or there is no header.
        NeedsCare: the file needs the careful reading.
        OSError: the file cannot be read.
    """
    path = delivery.path
    if (file_format := delivery.format) == "zip":
        within = name_in_zip(path)
        file_format = format_of(within) or ""
        if not file_format:
            raise Refusal(f"holds {within!r}, which is of no known format")
    match file_format:
        case "csv":
            return CsvReader(path, encoding=encoding, careful=careful)
        case "jsonl":
            return JsonLinesReader(path, encoding=encoding)
        case "parquet" if delivery.format == "zip":
            raise Refusal(f"holds {within!r}, which is packed twice or need not be packed: unpack it")
        case _:
            return ReaderApart(path, file_format, careful=careful)
