"""The reader for each format."""

from collections.abc import Iterator
from typing import Protocol

from scripts.land.csv_reader import CsvReader
from scripts.land.discovery import Delivery
from scripts.land.parquet_reader import ParquetReader
from scripts.land.rows import Batch


class Reader(Protocol):
    """An open file: its header, then its rows, then the hash of what was read."""

    header: list[str]
    delimiter: bytes
    remarks: tuple[str, ...]

    def batches(self, file_id: int, *, careful: bool) -> Iterator[Batch]:
        """Read the rows, stamped with the number of the file."""

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
    match delivery.format:
        case "parquet":
            return ParquetReader(delivery.path)
        case _:
            return CsvReader(delivery.path, encoding=encoding, careful=careful)
