"""Make batches from a polars frame of text, for Parquet files and workbooks."""

import io
import json

import polars as pl

from scripts.land.files import unpack
from scripts.land.rows import FILE_ID, LINE, Batch, Reject, legible

# At most three batches are in memory, one of them on its way to the server.
ROWS = 50_000
NUL_COMPLAINT = "a NUL byte, which text in PostgreSQL cannot hold"


class Growth:
    """The size of the text of a file, which must be in proportion to the file.

    Args:
        packed: the size of the file in bytes.
    """

    def __init__(self, packed: int) -> None:
        self._packed = packed
        self._grown = 0

    def add(self, text: int) -> None:
        """Add bytes of text.

        Raises:
            Refusal: the file grows beyond reason.
        """
        self._grown += text
        unpack.check_growth(self._grown, self._packed)


def batch(frame: pl.DataFrame, header: list[str], file_id: int, *, careful: bool, consumed: int) -> Batch:
    """Make a batch of a frame whose last column is the line.

    Args:
        frame: the columns of the file as text, then the line.
        header: the names of the columns in the file.
        file_id: the number to stamp on every row.
        careful: whether to reject the rows that the server would refuse.
        consumed: the bytes of the file that the batch took.
    """
    rejects: list[Reject] = []
    if careful:
        frame, rejects = _sift(frame, header)
    stamped = frame.with_columns(pl.lit(file_id).alias(FILE_ID)).select(pl.exclude(LINE), LINE)
    text = io.BytesIO()
    stamped.write_csv(text, include_header=False)
    return Batch(text.getvalue(), frame.height, rejects, consumed)


def _sift(frame: pl.DataFrame, header: list[str]) -> tuple[pl.DataFrame, list[Reject]]:
    names = frame.columns[:-1]
    broken = pl.any_horizontal(pl.col(name).str.contains("\0", literal=True).fill_null(value=False) for name in names)
    rejects = [
        Reject(
            line,
            legible(json.dumps(dict(zip(header, values, strict=True)), ensure_ascii=False).encode()),
            NUL_COMPLAINT,
        )
        for *values, line in frame.filter(broken).iter_rows()
    ]
    return frame.filter(~broken), rejects
