"""Read a Parquet file as text: each value in its canonical form, in batches stamped with the file id and the row.

This module runs in the process of `child` only, because the library trusts the file.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from scripts.errors import Refusal
from scripts.land.files import unpack
from scripts.land.readers import frames
from scripts.land.readers.typed import as_text
from scripts.land.rows import LINE, Batch


class ParquetReader:
    """A Parquet file, which is its one table.

    Attributes:
        name: empty, because the file is one table.
        candidates: the names of the columns, as delivered: the one header that the file can have.
        header: the same.
        remarks: empty.
        hidden: whether it is a hidden sheet: never.
        notes: remarks about its rows, once they are read: none.
    """

    name = ""
    hidden = False
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        """Open a file and read its schema.

        Raises:
            Refusal: the file is not Parquet, a column holds nested or binary values, or the file would unpack to
                too much.
            OSError: the file cannot be read.
        """
        self._size = path.stat().st_size
        if not self._size:
            raise Refusal("the file is empty")
        try:
            self._frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            self._schema = self._frame.collect_schema()
            self._height = int(self._frame.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise Refusal(f"not a readable Parquet file: {_one_line(error)}") from error
        self.header = self._schema.names()
        self.candidates = [self.header]
        for name, kind in self._schema.items():
            if kind.is_nested() or kind in (pl.Binary, pl.Object):
                raise Refusal(f"column {name!r} holds {kind}, which has no text form")
        # The text has a delimiter for each value, and the number of each line.
        digits = len(str(self._height)) - 1
        unpack.check_growth(self._height * (len(self.header) + digits), self._size)

    def tables(self) -> "Iterator[ParquetReader]":
        """Return the file as its one table."""
        yield self

    def begin_at(self, place: int) -> None:
        """Take a candidate for the header."""

    def batches(self, file_id: int, *, careful: bool, time_zone: str | None = None) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to reject the rows that the server would refuse.
            time_zone: the zone to which times with an offset are converted.

        Raises:
            Refusal: the file is damaged, or unpacks to too much.
        """
        text = self._frame.select(as_text(name, kind, time_zone) for name, kind in self._schema.items())
        growth = frames.Growth(self._size)
        for row in range(0, self._height, frames.ROWS):
            try:
                # `collect_batches` of polars reads too far ahead: 550 MB for five million rows.
                frame = text.slice(row, frames.ROWS).collect()
            except pl.exceptions.PolarsError as error:
                raise Refusal(f"not a readable Parquet file: {_one_line(error)}") from error
            lines = pl.int_range(row + 2, row + 2 + frame.height).alias(LINE)
            consumed = self._size * frame.height // self._height
            batch = frames.batch(frame.with_columns(lines), self.header, file_id, careful=careful, consumed=consumed)
            growth.add(len(batch.data))
            yield batch


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
