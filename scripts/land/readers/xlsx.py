"""Read a workbook as text: each sheet, in batches stamped with the file id and the row."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scripts.errors import Refusal
from scripts.land.contract import LINE
from scripts.land.files import unpack
from scripts.land.readers import frames
from scripts.land.rows import Batch

if TYPE_CHECKING:
    import fastexcel
    import polars as pl

# The first bytes of Microsoft's older formats and of encrypted workbooks.
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class XlsxReader:
    """A workbook, plain or alone in a zip file.

    One sheet at a time is in memory: about 500 MB for half a million rows, because the library reads a sheet whole.

    Attributes:
        format: `xlsx`.
        remarks: `zip`, if the workbook is in a zip file.
    """

    format = "xlsx"

    def __init__(self, path: Path) -> None:
        """Open a workbook.

        Raises:
            Refusal: the file is not a workbook, needs a password, or unpacks to too much.
            OSError: the file cannot be read.
        """
        import fastexcel  # noqa: PLC0415  # most files do not need it

        self._path = path
        self.remarks = ("zip",) if path.suffix.lower() == ".zip" else ()
        try:
            self._book = fastexcel.read_excel(_content(path))
        except fastexcel.FastExcelError as error:
            raise Refusal(f"not a readable workbook: {_first_line(error)}") from error

    def tables(self) -> "Iterator[Sheet]":
        """Read the sheets that are not blank, one after the other.

        Line numbers count all rows of all sheets, in the order of the sheets.

        Raises:
            Refusal: a sheet is damaged.
        """
        above = 0
        share = self._path.stat().st_size // max(len(self._book.sheet_names), 1)
        for name in self._book.sheet_names:
            sheet = _sheet(name, _frame(self._book, name, above), share)
            above = max(above, sheet.last_line)
            if sheet.header:
                yield sheet

    def digest(self) -> str:
        """Return the SHA-256 of the file as it is now, in hexadecimal."""
        return unpack.fingerprint(self._path)

    def close(self) -> None:
        """Do nothing: the library closes the file itself."""


@dataclass
class Sheet:
    """A sheet. Its rows can be read once.

    Attributes:
        name: its name in the workbook.
        header: its first row that is not blank; empty for a blank sheet.
        rows: the rows below as text, with their lines.
        last_line: the line of its last row.
        bytes: its share of the file, for a progress bar.
    """

    name: str
    header: list[str]
    rows: "pl.DataFrame"
    last_line: int
    bytes: int
    delimiter = b","

    def batches(self, file_id: int, *, careful: bool, fewest: int | None = None) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to reject the rows that the server would refuse.
            fewest: ignored, because a missing cell is an empty cell.
        """
        # Free the rows, because the next sheet needs the memory.
        rows, self.rows = self.rows, self.rows.clear()
        for frame in rows.iter_slices(frames.ROWS):
            consumed = self.bytes * frame.height // rows.height
            yield frames.batch(frame, self.header, file_id, careful=careful, consumed=consumed)


def _sheet(name: str, frame: "pl.DataFrame", size: int) -> Sheet:
    last_line = int(frame[LINE][-1]) if frame.height else 0
    filled_rows = frame.select(_is_not_blank(frame)).to_series()
    # Most sheets have no blank rows and need no copy.
    rows = frame if filled_rows.all() else frame.filter(filled_rows)
    if not rows.height:
        return Sheet(name, [], rows, last_line, size)
    titles = dict(zip(rows.columns[:-1], rows.row(0), strict=False))
    filled = [column for column, title in titles.items() if title or rows[column].count()]
    return Sheet(name, [titles[column] or "" for column in filled], rows[1:].select(*filled, LINE), last_line, size)


def _content(path: Path) -> bytes | str:
    """Check a workbook. Return its path, or its content if it is in a zip file."""
    if path.suffix.lower() == ".zip":
        stream = unpack.unpacked(path)
        try:
            content = b"".join(iter(lambda: stream.read(unpack.CHUNK), b""))
        finally:
            stream.close()
        _check(io.BytesIO(content), len(content))
        return content
    with path.open("rb") as file:
        _check(file, path.stat().st_size)
    return str(path)


def _check(file: BinaryIO, size: int) -> None:
    if not size:
        raise Refusal("the file is empty")
    if file.read(len(COMPOUND)) == COMPOUND:
        raise Refusal("the workbook is protected by a password, or older than .xlsx: save it as .xlsx without one")
    unpack.check_growth(unpack.zip_growth(file), size)


def _frame(book: "fastexcel.ExcelReader", name: str, above: int) -> "pl.DataFrame":
    """Read all rows of a sheet as text, and number them."""
    import fastexcel  # noqa: PLC0415  # most files do not need it
    import polars as pl  # noqa: PLC0415  # slow to import, and CSV files do not need it

    try:
        sheet = book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    except fastexcel.FastExcelError as error:
        raise Refusal(f"sheet {name!r} cannot be read: {_first_line(error)}") from error
    frame = sheet.to_polars() if sheet.width else pl.DataFrame()
    return frame.with_columns(pl.int_range(above + 1, above + 1 + frame.height, dtype=pl.Int64).alias(LINE))


def _is_not_blank(frame: "pl.DataFrame") -> "pl.Expr":
    import polars as pl  # noqa: PLC0415  # slow to import, and CSV files do not need it

    names = [name for name in frame.columns if name != LINE]
    return pl.any_horizontal(pl.col(name).is_not_null() for name in names) if names else pl.lit(value=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
