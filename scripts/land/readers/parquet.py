"""Read a Parquet file as text: each value in its shortest form, in batches stamped with the file id and the row."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.errors import Refusal
from scripts.land.contract import LINE
from scripts.land.files.unpack import fingerprint
from scripts.land.readers import frames
from scripts.land.rows import Batch

if TYPE_CHECKING:
    import polars as pl


class ParquetReader:
    """A Parquet file.

    Attributes:
        format: `parquet`.
        name: empty, because the file is one table.
        header: the names of the columns, as delivered.
        delimiter: the delimiter of the batches.
        remarks: empty.
    """

    format = "parquet"
    name = ""
    delimiter = b","
    remarks: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        """Open a file and read its schema.

        Raises:
            Refusal: the file is not Parquet, or a column holds nested or binary values.
            OSError: the file cannot be read.
        """
        # Importing polars takes as long as landing a hundred small CSV files.
        import polars as pl  # noqa: PLC0415  # slow to import, and CSV files do not need it

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
        """Return the file as its one table."""
        yield self

    def close(self) -> None:
        """Do nothing: polars opens and closes the file itself."""

    def digest(self) -> str:
        """Return the SHA-256 of the file as it is now, in hexadecimal."""
        return fingerprint(self._path)

    def batches(self, file_id: int, *, careful: bool, fewest: int | None = None) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to reject the rows that the server would refuse.
            fewest: ignored, because each row has all fields.

        Raises:
            Refusal: the file is damaged.
        """
        with ThreadPoolExecutor(1) as ahead:
            # `collect_batches` of polars reads too far ahead: 550 MB for five million rows.
            following = ahead.submit(self._batch, 0, file_id, careful=careful)
            for row in range(frames.ROWS, self._height + frames.ROWS, frames.ROWS):
                batch = following.result()
                if row < self._height:
                    following = ahead.submit(self._batch, row, file_id, careful=careful)
                yield batch

    def _batch(self, row: int, file_id: int, *, careful: bool) -> Batch:
        import polars as pl  # noqa: PLC0415  # slow to import, and CSV files do not need it

        try:
            frame = self._text.slice(row, frames.ROWS).collect()
        except pl.exceptions.PolarsError as error:
            raise Refusal(f"not a readable Parquet file: {_one_line(error)}") from error
        lines = pl.int_range(row + 2, row + 2 + frame.height).alias(LINE)
        consumed = self._size * frame.height // max(self._height, 1)
        return frames.batch(frame.with_columns(lines), self.header, file_id, careful=careful, consumed=consumed)


def _as_text(name: str, kind: "pl.DataType") -> "pl.Expr":
    import polars as pl  # noqa: PLC0415  # slow to import, and CSV files do not need it

    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        zone = "%z" if kind.time_zone else ""
        # A cast would always write a fraction, but most files hold whole seconds.
        return column.dt.strftime(f"%Y-%m-%d %H:%M:%S%.f{zone}")
    return column.cast(pl.String)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
