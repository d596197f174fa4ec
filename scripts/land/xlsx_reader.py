"""Read a workbook as text: every sheet of it, batches stamped with the file and the row."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.errors import Refusal
from scripts.land import archive, frames, unpack
from scripts.land.contract import LINE
from scripts.land.discovery import fingerprint
from scripts.land.rows import Batch

if TYPE_CHECKING:
    import fastexcel
    import polars as pl

# What Microsoft's older formats begin with; an encrypted workbook is one of them.
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class XlsxReader:
    """A workbook, by itself or alone in a zip file. One sheet at a time is in memory.

    Attributes:
        format: `xlsx`.
        remarks: whether it was in a zip file.
    """

    format = "xlsx"

    def __init__(self, path: Path) -> None:
        """Open a workbook.

        Raises:
            Refusal: it is none, is protected by a password, or unpacks to more than is reasonable.
            OSError: the file cannot be read.
        """
        import fastexcel  # noqa: PLC0415  # most files need it not

        self._path = path
        self.remarks = ("zip",) if path.suffix.lower() == ".zip" else ()
        content = _content(path)
        try:
            self._book = fastexcel.read_excel(content)
        except fastexcel.FastExcelError as error:
            raise Refusal(f"not a readable workbook: {_first_line(error)}") from error

    def tables(self) -> "Iterator[Sheet]":
        """Read the sheets that are not blank, one after the other.

        Records are counted through the whole workbook, all rows of all sheets, in the order of the sheets.

        Raises:
            Refusal: a sheet is damaged.
        """
        above = 0
        sheets = len(self._book.sheet_names)
        for name in self._book.sheet_names:
            frame = _frame(self._book, name, above)
            above += frame.height
            rows = frame.filter(_is_not_blank(frame))
            if rows.height:
                *names, _ = rows.row(0)
                filled = [c for c, title in zip(rows.columns, names, strict=False) if title or rows[c].count()]
                header = [title or "" for c, title in zip(rows.columns, names, strict=False) if c in filled]
                yield Sheet(name, header, rows[1:].select(*filled, LINE), self._path.stat().st_size // sheets)

    def digest(self) -> str:
        """Return the SHA-256, in hexadecimal, of the file as it is now."""
        return fingerprint(self._path)

    def close(self) -> None:
        """Do nothing: the file was read whole."""


@dataclass(frozen=True)
class Sheet:
    """A sheet.

    Attributes:
        name: what it is called in the workbook.
        header: its first row that is not blank.
        rows: those below, as text, and the line of each.
        bytes: its share of the file, for a progress bar.
    """

    name: str
    header: list[str]
    rows: "pl.DataFrame"
    bytes: int
    delimiter = b","

    def batches(self, file_id: int, *, careful: bool, fewest: int | None = None) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to set aside rows that the server would not take.
            fewest: of no meaning here, where a cell that is not there is an empty one.
        """
        for frame in self.rows.iter_slices(frames.ROWS):
            consumed = self.bytes * frame.height // self.rows.height
            yield frames.batch(frame, self.header, file_id, careful=careful, consumed=consumed)


def _content(path: Path) -> bytes:
    """Return a workbook, once it is sure that it can be read, and into how much it unpacks."""
    if path.suffix.lower() == ".zip":
        stream = unpack.unpacked(path)
        try:
            content = b"".join(iter(lambda: stream.read(unpack.CHUNK), b""))
        finally:
            stream.close()
    else:
        content = path.read_bytes()
    if not content:
        raise Refusal("the file is empty")
    if content.startswith(COMPOUND):
        raise Refusal("the workbook is protected by a password, or older than .xlsx: save it as .xlsx without one")
    unpack.check_growth(archive.grown(content), len(content))
    return content


def _frame(book: "fastexcel.ExcelReader", name: str, above: int) -> "pl.DataFrame":
    """Read a sheet as text, all rows from the top, and number them."""
    import fastexcel  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    try:
        sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    except fastexcel.FastExcelError as error:
        raise Refusal(f"sheet {name!r} cannot be read: {_first_line(error)}") from error
    frame = sheet.to_polars() if sheet.width else pl.DataFrame()
    return frame.with_columns(pl.int_range(above + 1, above + 1 + frame.height, dtype=pl.Int64).alias(LINE))


def _is_not_blank(frame: "pl.DataFrame") -> "pl.Expr":
    import polars as pl  # noqa: PLC0415

    names = [name for name in frame.columns if name != LINE]
    return pl.any_horizontal(pl.col(name).is_not_null() for name in names) if names else pl.lit(value=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
