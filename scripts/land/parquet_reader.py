"""Read a Parquet file as text: every value in its shortest form, batches stamped with the file and the row."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.errors import Refusal
from scripts.land import frames
from scripts.land.contract import LINE
from scripts.land.discovery import fingerprint
from scripts.land.rows import Batch

if TYPE_CHECKING:
    import polars as pl


class ParquetReader:
    """A Parquet file.

    Attributes:
        format: `parquet`.
        name: nothing, as there is one table.
        header: the names of the columns, as delivered.
        delimiter: what stands between fields in the batches.
        remarks: nothing, as there is one kind of Parquet only.
    """

    format = "parquet"
    name = ""
    delimiter = b","
    remarks: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        """Open a file and read its schema.

        Raises:
            Refusal: the file is no Parquet, or a column holds no plain values.
            OSError: the file cannot be read.
        """
        # Importing polars takes as long as landing a hundred small CSV files, which do not need it.
        import polars as pl  # noqa: PLC0415  # a CSV file needs it not, and it takes its time

        self._path = path
        if not path.stat().st_size:
            raise Refusal("the file is empty")
        try:
            self._frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            self._schema = self._frame.collect_schema()
            self._height = int(self._frame.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise Refusal(f"not a readable Parquet file: {_one_line(error)}") from error
        self.header = self._schema.names()
        self._size = path.stat().st_size
        self._text = self._frame.select(_as_text(name, kind) for name, kind in self._schema.items())
        for name, kind in self._schema.items():
            if kind.is_nested() or kind in (pl.Binary, pl.Object):
                raise Refusal(f"column {name!r} holds {kind}, which has no text form")

    def tables(self) -> "Iterator[ParquetReader]":
        """Return the one table that the file is."""
        yield self

    def close(self) -> None:
        """Do nothing: polars opens and closes the file by itself."""

    def digest(self) -> str:
        """Return the SHA-256, in hexadecimal, of the file as it is now."""
        return fingerprint(self._path)

    def batches(self, file_id: int, *, careful: bool, fewest: int | None = None) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to set aside rows that the server would not take.
            fewest: of no meaning here, where every row has all fields.

        Raises:
            Refusal: the file is damaged.
        """
        with ThreadPoolExecutor(1) as ahead:
            # Not polars' own `collect_batches`, which reads far ahead: it takes 550 MB for five million rows.
            following = ahead.submit(self._batch, 0, file_id, careful=careful)
            for row in range(frames.ROWS, self._height + frames.ROWS, frames.ROWS):
                batch = following.result()
                if row < self._height:
                    following = ahead.submit(self._batch, row, file_id, careful=careful)
                yield batch

    def _batch(self, row: int, file_id: int, *, careful: bool) -> Batch:
        import polars as pl  # noqa: PLC0415  # a CSV file needs it not, and it takes its time

        try:
            frame = self._text.slice(row, frames.ROWS).collect()
        except pl.exceptions.PolarsError as error:
            raise Refusal(f"not a readable Parquet file: {_one_line(error)}") from error
        lines = pl.int_range(row + 2, row + 2 + frame.height).alias(LINE)
        consumed = self._size * frame.height // max(self._height, 1)
        return frames.batch(frame.with_columns(lines), self.header, file_id, careful=careful, consumed=consumed)


def _as_text(name: str, kind: "pl.DataType") -> "pl.Expr":
    import polars as pl  # noqa: PLC0415  # a CSV file needs it not, and it takes its time

    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        zone = "%z" if kind.time_zone else ""
        # Without the fraction that a cast would always write, as a whole second is what most files mean.
        return column.dt.strftime(f"%Y-%m-%d %H:%M:%S%.f{zone}")
    return column.cast(pl.String)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
