"""Make batches from a polars frame of text, for Parquet files and workbooks."""

import json
from typing import TYPE_CHECKING

from scripts.land.contract import FILE_ID, LINE
from scripts.land.rows import Batch, Reject, legible

if TYPE_CHECKING:
    import polars as pl

# At most three batches are in memory, one of them on its way to the server.
ROWS = 50_000
NUL_COMPLAINT = "a NUL byte, which text in PostgreSQL cannot hold"


def batch(frame: "pl.DataFrame", header: list[str], file_id: int, *, careful: bool, consumed: int) -> Batch:
    """Make a batch of a frame whose last column is the line.

    Args:
        frame: the columns of the file as text, then the line.
        header: the names of the columns in the file.
        file_id: the number to stamp on every row.
        careful: whether to reject the rows that the server would refuse.
        consumed: the bytes of the file that the batch took.
    """
    import polars as pl  # noqa: PLC0415  # slow to import, and CSV files do not need it

    rejects: list[Reject] = []
    if careful:
        frame, rejects = _sift(frame, header)
    stamped = frame.with_columns(pl.lit(file_id).alias(FILE_ID)).select(pl.exclude(LINE), LINE)
    return Batch(stamped.write_csv(include_header=False).encode(), frame.height, rejects, consumed)


def _sift(frame: "pl.DataFrame", header: list[str]) -> "tuple[pl.DataFrame, list[Reject]]":
    import polars as pl  # noqa: PLC0415  # slow to import, and CSV files do not need it

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
